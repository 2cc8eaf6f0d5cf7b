import type { DeliveryFact, DeliveryReport, SourceKey } from './facts.ts';
import { renderSourceKey } from './facts.ts';
import {
  type Outstanding,
  type ServedFrom,
  type SourceIdentity,
  type Standing,
  type Tally,
  tallySources,
} from './tally.ts';

/** A user resource in force: one incarnation at one generation. */
export interface LedgerSource extends SourceIdentity {
  readonly uid: string;
  readonly generation: number;
}

/** What the ledger asks of the translation, which serves resources `R`; joined in cmd/. */
export interface SourceIndex<R> {
  /** The user resources that contribute to what this proxy is served now, and the revision of that snapshot. */
  snapshotOf(connectionId: string): ServedFrom | undefined;
  /** The user resources behind a resource that this proxy holds or is to hold. */
  sourcesOf(connectionId: string, resource: R): readonly SourceIdentity[];
  /** What to call a resource that is refused, where that is not what its sources are; else empty. */
  describe(resource: R): string;
  /** Every user resource in force, whether or not a proxy uses it, with the graph revision at which this generation came in. */
  known(): Iterable<{ readonly source: LedgerSource; readonly enteredAt: number }>;
  /** Every snapshot has been rebuilt at this revision or later. */
  settledRevision(): number;
}

/** What the ledger asks of a proxy's session; to ask changes nothing. */
export interface Progress<R> {
  /** Of the snapshot that the proxy is on its way to; -1: none. */
  revision(): number;
  /** What it has neither acknowledged nor refused by itself, in lists that proxies in the same state share. */
  outstanding(): readonly (readonly Outstanding<R>[])[];
  /** What it refuses as it stands, each by itself. */
  refused(): readonly { readonly resource: R; readonly message: string }[];
}

/** As much of a ledger as is told to others. */
export type DeliveryReports = Pick<DeliveryLedger<object>, 'onChange' | 'report'>;

interface Connection<R> {
  readonly proxy: string;
  readonly progress: Progress<R>;
  /** Everything up to it was acknowledged or refused; -1: nothing yet. */
  acknowledgedRevision: number;
  waitingFor: readonly string[];
  /** The revision at which it last refused something; undefined once it has acknowledged a later one without. */
  refusedAt: number | undefined;
}

/**
 * One replica's record of its own streams, fed by the xDS sessions. Cheap to feed: work happens when a report is asked for.
 * A proxy has acknowledged a resource at a generation when every snapshot has been rebuilt since that generation came in
 * and nothing that was made of the resource is left for it to acknowledge; bytes that did not change need no message.
 */
export class DeliveryLedger<R extends object> {
  readonly #replica: string;
  readonly #index: SourceIndex<R>;
  readonly #connections = new Map<string, Connection<R>>();
  readonly #listeners = new Set<() => void>();
  #said: ReadonlyMap<SourceKey, DeliveryFact> = new Map();

  constructor(replica: string, index: SourceIndex<R>) {
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

  connected(
    proxy: { readonly connectionId: string; readonly podName: string; readonly namespace: string },
    progress: Progress<R>,
  ): void {
    this.#connections.set(proxy.connectionId, {
      proxy: `${proxy.podName}.${proxy.namespace}`,
      progress,
      acknowledgedRevision: -1,
      waitingFor: [],
      refusedAt: undefined,
    });
    this.touch();
  }

  /** It has acknowledged something, and not yet all. */
  progressed(_connectionId: string): void {
    this.touch();
  }

  acknowledged(connectionId: string, revision: number): void {
    const connection = this.#connections.get(connectionId);
    if (connection === undefined || revision <= connection.acknowledgedRevision) return;
    connection.acknowledgedRevision = revision;
    if (connection.refusedAt !== undefined && connection.refusedAt < revision) connection.refusedAt = undefined;
    this.touch();
  }

  rejected(connectionId: string, { revision }: { readonly revision: number }): void {
    const connection = this.#connections.get(connectionId);
    if (connection === undefined) return;
    connection.refusedAt = revision;
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

  /** The facts of this moment, for every user resource in force; one that says what it said last time is the identical object. */
  report(): DeliveryReport {
    const settled = this.#index.settledRevision();
    const tallies = tallySources(this.#standings(), (id, resource) => this.#index.sourcesOf(id, resource));
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

  #name(refused: { readonly resource: R; readonly message: string }) {
    const name = this.#index.describe(refused.resource);
    return name === '' ? refused : { ...refused, message: `${name}: ${refused.message}` };
  }

  *#standings(): Iterable<Standing<R>> {
    for (const [connectionId, connection] of this.#connections) {
      const served = this.#index.snapshotOf(connectionId);
      if (served === undefined) continue;
      const { proxy, waitingFor, refusedAt, progress } = connection;
      const refused = refusedAt === undefined ? [] : progress.refused().map((one) => this.#name(one));
      yield { connectionId, proxy, served, waitingFor, refused, outstanding: readOutstanding(connection, served) };
    }
  }
}

/** Proxies that acknowledge their first snapshot are not looked into: whatever is left, they are no use before. */
function readOutstanding<R>(
  { acknowledgedRevision, progress }: Connection<R>,
  { revision }: ServedFrom,
): Standing<R>['outstanding'] {
  if (acknowledgedRevision >= revision) return [];
  return acknowledgedRevision === -1 || progress.revision() !== revision ? 'everything' : progress.outstanding();
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

const NONE: readonly string[] = [];

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
