import type { DeliveryFact, DeliveryReport, SourceKey } from './facts.ts';
import { renderSourceKey } from './facts.ts';

/** Names a user resource. */
export interface SourceIdentity {
  readonly cluster: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** A user resource in force: one incarnation at one generation. */
export interface LedgerSource extends SourceIdentity {
  readonly uid: string;
  readonly generation: number;
}

/** The user resources behind one proxy's snapshot: proxies that have a list in common share it, none is in two of one's lists. */
export interface ServedFrom {
  readonly revision: number;
  readonly sources: readonly (readonly SourceIdentity[])[];
}

/** What the ledger asks of the translation; joined in cmd/. */
export interface SourceIndex {
  /** The user resources that contribute to what this proxy is served now, and the revision of that snapshot. */
  snapshotOf(connectionId: string): ServedFrom | undefined;
  /** The user resources behind the named resources of one type, as served to this proxy. */
  blame(connectionId: string, typeUrl: string, names: readonly string[]): readonly SourceIdentity[];
  /** Every user resource in force, whether or not a proxy uses it, with the graph revision at which this generation came in. */
  known(): Iterable<{ readonly source: LedgerSource; readonly enteredAt: number }>;
  /** Every snapshot has been rebuilt at this revision or later. */
  settledRevision(): number;
}

interface Connection {
  readonly proxy: string;
  acknowledgedRevision: number;
  waitingFor: readonly string[];
  /** By type URL and words: the refusals that stand until a later revision is acknowledged. */
  readonly rejections: Map<
    string,
    {
      readonly revision: number;
      readonly typeUrl: string;
      readonly names: readonly string[];
      readonly message: string;
    }
  >;
}

/**
 * One replica's record of its own streams, fed by the xDS sessions. Cheap to feed: work happens when a report is asked for.
 * A proxy has acknowledged a resource at a generation when it has acknowledged its present snapshot and every snapshot has
 * been rebuilt since that generation came in; bytes that did not change need no message to be acknowledged.
 */
export class DeliveryLedger {
  readonly #replica: string;
  readonly #index: SourceIndex;
  readonly #connections = new Map<string, Connection>();
  readonly #listeners = new Set<() => void>();
  #said: ReadonlyMap<SourceKey, DeliveryFact> = new Map();

  constructor(replica: string, index: SourceIndex) {
    this.#replica = replica;
    this.#index = index;
  }

  /** Calls the listener after every change of a fact, also of the translation (`touch`); returns how to stop. It must be cheap. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The translation has new snapshots or new user resources. */
  touch(): void {
    for (const listener of this.#listeners) listener();
  }

  connected(proxy: { readonly connectionId: string; readonly podName: string; readonly namespace: string }): void {
    this.#connections.set(proxy.connectionId, {
      proxy: `${proxy.podName}.${proxy.namespace}`,
      acknowledgedRevision: -1,
      waitingFor: [],
      rejections: new Map(),
    });
    this.touch();
  }

  acknowledged(connectionId: string, revision: number): void {
    const connection = this.#connections.get(connectionId);
    if (connection === undefined || revision <= connection.acknowledgedRevision) return;
    connection.acknowledgedRevision = revision;
    for (const [key, rejection] of connection.rejections)
      if (rejection.revision < revision) connection.rejections.delete(key);
    this.touch();
  }

  rejected(
    connectionId: string,
    error: {
      readonly typeUrl: string;
      readonly resources: readonly string[];
      readonly message: string;
      readonly revision: number;
    },
  ): void {
    const { typeUrl, resources: names, message, revision } = error;
    this.#connections.get(connectionId)?.rejections.set(`${typeUrl} ${message}`, { revision, typeUrl, names, message });
    this.touch();
  }

  waiting(connectionId: string, clusters: readonly string[]): void {
    const connection = this.#connections.get(connectionId);
    if (connection === undefined) return;
    connection.waitingFor = clusters;
    this.touch();
  }

  disconnected(connectionId: string): void {
    if (this.#connections.delete(connectionId)) this.touch();
  }

  /**
   * The facts of this moment, for every user resource in force. Proxies that share a list of sources are counted once for
   * the list; a fact that says what it said last time is the identical object.
   */
  report(): DeliveryReport {
    const settled = this.#index.settledRevision();
    const tallies = this.#tally();
    const said = new Map<SourceKey, DeliveryFact>();
    for (const { source, enteredAt } of this.#index.known()) {
      if (settled < enteredAt) continue;
      const key = keyOf(source);
      const tally = tallies.get(key);
      const before = this.#said.get(key);
      if (before !== undefined && saysSame(before, source, tally)) {
        said.set(key, before);
        continue;
      }
      said.set(key, {
        source: key,
        uid: source.uid,
        generation: source.generation,
        affected: tally?.affected ?? 0,
        acknowledged: tally?.acknowledged ?? 0,
        waitingFor: listWaiting(tally),
        ...(tally?.rejection === undefined ? {} : { rejection: tally.rejection }),
      });
    }
    this.#said = said;
    return { replica: this.#replica, facts: [...said.values()] };
  }

  #tally(): ReadonlyMap<SourceKey, Tally> {
    const lists = new Map<readonly SourceIdentity[], Tally>();
    const blames: (readonly [Connection, ReadonlyMap<SourceKey, string>, ServedFrom])[] = [];
    for (const [connectionId, connection] of this.#connections) {
      const snapshot = this.#index.snapshotOf(connectionId);
      if (snapshot === undefined) continue;
      const upToDate = connection.acknowledgedRevision >= snapshot.revision;
      for (const list of snapshot.sources) {
        if (list.length === 0) continue;
        const tally = findTally(lists, list);
        tally.affected += 1;
        if (upToDate) tally.acknowledged += 1;
        else noteWaiting(tally, connection.waitingFor);
      }
      if (connection.rejections.size > 0) blames.push([connection, this.#blamed(connectionId, connection), snapshot]);
    }
    const tallies = new Map<SourceKey, Tally>();
    for (const [list, { affected, acknowledged, waitingFor }] of lists) {
      for (const key of renderKeys(list)) {
        const tally = findTally(tallies, key);
        tally.affected += affected;
        tally.acknowledged += acknowledged;
        if (waitingFor !== undefined) noteWaiting(tally, waitingFor);
      }
    }
    for (const [{ proxy, acknowledgedRevision }, blamed, { revision, sources }] of blames) {
      for (const key of new Set(sources.flatMap(renderKeys))) {
        const message = blamed.get(key);
        if (message === undefined) continue;
        const tally = findTally(tallies, key);
        tally.rejection ??= { proxy, message };
        // What it acknowledged beside the refusal is not this.
        if (acknowledgedRevision >= revision) tally.acknowledged -= 1;
      }
    }
    return tallies;
  }

  #blamed(connectionId: string, connection: Connection): ReadonlyMap<SourceKey, string> {
    const blamed = new Map<SourceKey, string>();
    for (const { typeUrl, names, message } of connection.rejections.values()) {
      for (const source of this.#index.blame(connectionId, typeUrl, names))
        blamed.set(renderSourceKey(source), message);
    }
    return blamed;
  }
}

function saysSame(fact: DeliveryFact, { uid, generation }: LedgerSource, tally: Tally | undefined): boolean {
  return (
    fact.uid === uid &&
    fact.generation === generation &&
    fact.affected === (tally?.affected ?? 0) &&
    fact.acknowledged === (tally?.acknowledged ?? 0) &&
    fact.waitingFor.join() === listWaiting(tally).join() &&
    fact.rejection?.proxy === tally?.rejection?.proxy &&
    fact.rejection?.message === tally?.rejection?.message
  );
}

/** The first of them by name. */
function listWaiting(tally: Tally | undefined): readonly string[] {
  return tally?.waitingFor === undefined ? NONE : [...tally.waitingFor].sort().slice(0, 5);
}

function noteWaiting(tally: Tally, clusters: Iterable<string>): void {
  for (const cluster of clusters) {
    tally.waitingFor ??= new Set();
    tally.waitingFor.add(cluster);
  }
}

const NONE: readonly string[] = [];

/** How many proxies have something. */
interface Tally {
  affected: number;
  acknowledged: number;
  rejection?: NonNullable<DeliveryFact['rejection']>;
  waitingFor?: Set<string>;
}

function findTally<K>(tallies: Map<K, Tally>, key: K): Tally {
  let tally = tallies.get(key);
  if (tally === undefined) {
    tally = { affected: 0, acknowledged: 0 };
    tallies.set(key, tally);
  }
  return tally;
}

const sourceKeys = new WeakMap<LedgerSource, SourceKey>();

/** Rendered once for each generation of a resource. */
function keyOf(source: LedgerSource): SourceKey {
  let key = sourceKeys.get(source);
  if (key === undefined) {
    key = renderSourceKey(source);
    sourceKeys.set(source, key);
  }
  return key;
}

const keys = new WeakMap<readonly SourceIdentity[], readonly SourceKey[]>();

/** The keys of a shared list, rendered once. */
function renderKeys(list: readonly SourceIdentity[]): readonly SourceKey[] {
  let rendered = keys.get(list);
  if (rendered === undefined) {
    rendered = list.map(renderSourceKey);
    keys.set(list, rendered);
  }
  return rendered;
}
