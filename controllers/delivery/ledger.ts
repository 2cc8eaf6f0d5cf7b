import type { DeliveryFact, DeliveryReport, SourceKey } from './facts.ts';
import { renderSourceKey } from './facts.ts';
import { Count, type Outstanding, type ServedFrom, type SourceIdentity, type Standing, type Tally } from './tally.ts';

/** A user resource in force: one incarnation at one generation. */
export interface LedgerSource extends SourceIdentity {
  readonly uid: string;
  readonly generation: number;
}

export interface KnownSource {
  readonly source: LedgerSource;
  readonly enteredAt: number;
}

/** What the ledger asks of the translation, which serves resources `R`; joined in cmd/. */
export interface SourceIndex<R> {
  /** The user resources that contribute to what this proxy is served now, and the revision of that snapshot. */
  snapshotOf(connectionId: string): ServedFrom | undefined;
  /** The user resources behind a resource that this proxy holds or is to hold. */
  sourcesOf(connectionId: string, resource: R): readonly SourceIdentity[];
  /** What to call a resource that is refused, where that is not what its sources are; else empty. */
  describe(resource: R): string;
  /**
   * Every user resource in force, whether or not a proxy uses it, with the graph revision at which this generation came in;
   * the identical list while that is the same.
   */
  known(): readonly KnownSource[];
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
  readonly connectionId: string;
  /** `POD.NAMESPACE`. */
  readonly proxy: string;
  readonly progress: Progress<R>;
  /** Everything up to it was acknowledged or refused; -1: nothing yet. */
  acknowledgedRevision: number;
  waitingFor: readonly string[];
  /** The revision at which it last refused something; undefined once it has acknowledged a later one without. */
  refusedAt: number | undefined;
}

/** A report and what it came of. */
interface Reported<R extends object> {
  readonly report: DeliveryReport;
  readonly known: readonly KnownSource[];
  readonly count: Count<R>;
  readonly facts: ReadonlyMap<SourceKey, DeliveryFact>;
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
  #last: Reported<R> | undefined;

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
      connectionId: proxy.connectionId,
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

  /**
   * The facts of this moment, for every user resource in force; one that says what it said last time is the identical
   * object, and so is a report of which all do.
   */
  report(): DeliveryReport {
    const last = this.#last;
    const count = this.#count();
    const known = this.#index.known();
    // A resource of which the last report said nothing may be in force by now.
    if (last?.known === known && last.facts.size === known.length && count.isSame(last.count)) return last.report;
    const facts = this.#resolveFacts(known, count);
    const isSame =
      last !== undefined &&
      facts.size === last.facts.size &&
      facts.values().every((fact) => last.facts.get(fact.source) === fact);
    const report = isSame ? last.report : { replica: this.#replica, facts: [...facts.values()] };
    this.#last = { report, known, count, facts };
    return report;
  }

  #resolveFacts(known: readonly KnownSource[], count: Count<R>): ReadonlyMap<SourceKey, DeliveryFact> {
    const settled = this.#index.settledRevision();
    const tallies = count.resolve();
    const facts = new Map<SourceKey, DeliveryFact>();
    for (const { source, enteredAt } of known) {
      if (settled < enteredAt) continue;
      const key = keyOf(source);
      const tally = tallies.get(key);
      const before = this.#last?.facts.get(key);
      facts.set(key, before !== undefined && saysSame(before, source, tally) ? before : renderFact(key, source, tally));
    }
    return facts;
  }

  #count(): Count<R> {
    const count = new Count<R>((id, resource) => this.#index.sourcesOf(id, resource));
    for (const connection of this.#connections.values()) {
      const { connectionId, proxy, progress, acknowledgedRevision, waitingFor, refusedAt } = connection;
      const served = this.#index.snapshotOf(connectionId);
      if (served === undefined) continue;
      if (acknowledgedRevision >= served.revision && refusedAt === undefined) {
        count.addComplete(served);
        continue;
      }
      const refused = refusedAt === undefined ? [] : progress.refused().map((one) => this.#name(one));
      count.add({ connectionId, proxy, served, waitingFor, refused, outstanding: readOutstanding(connection, served) });
    }
    return count;
  }

  #name(refused: { readonly resource: R; readonly message: string }) {
    const name = this.#index.describe(refused.resource);
    return name === '' ? refused : { ...refused, message: `${name}: ${refused.message}` };
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

function renderFact(key: SourceKey, { uid, generation }: LedgerSource, tally: Tally | undefined): DeliveryFact {
  return {
    source: key,
    uid,
    generation,
    affected: tally?.affected ?? 0,
    acknowledged: tally?.acknowledged ?? 0,
    waitingFor: listWaiting(tally),
    ...(tally?.rejection === undefined ? {} : { rejection: tally.rejection }),
  };
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
