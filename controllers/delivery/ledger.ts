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

/** What the ledger asks of the translation; joined in cmd/. */
export interface SourceIndex {
  /** The user resources that contribute to what this proxy is served now, and the revision of that snapshot. */
  snapshotOf(
    connectionId: string,
  ): { readonly revision: number; readonly sources: Iterable<SourceIdentity> } | undefined;
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
  /** By type URL: the refusal that stands until a later revision is acknowledged. */
  readonly rejections: Map<
    string,
    { readonly revision: number; readonly names: readonly string[]; readonly message: string }
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
    for (const [typeUrl, rejection] of connection.rejections)
      if (rejection.revision < revision) connection.rejections.delete(typeUrl);
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
    this.#connections
      .get(connectionId)
      ?.rejections.set(error.typeUrl, { revision: error.revision, names: error.resources, message: error.message });
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

  /** The facts of this moment, for every user resource in force. */
  report(): DeliveryReport {
    const settled = this.#index.settledRevision();
    const tallies = new Map<
      SourceKey,
      {
        affected: number;
        acknowledged: number;
        rejection?: { proxy: string; message: string };
        waitingFor: Set<string>;
      }
    >();
    for (const [connectionId, connection] of this.#connections) {
      const snapshot = this.#index.snapshotOf(connectionId);
      if (snapshot === undefined) continue;
      const upToDate = connection.acknowledgedRevision >= snapshot.revision;
      const blamed = this.#blamed(connectionId, connection);
      for (const source of snapshot.sources) {
        const key = renderSourceKey(source);
        let tally = tallies.get(key);
        if (tally === undefined) {
          tally = { affected: 0, acknowledged: 0, waitingFor: new Set() };
          tallies.set(key, tally);
        }
        tally.affected += 1;
        const message = blamed.get(key);
        if (message !== undefined) tally.rejection ??= { proxy: connection.proxy, message };
        else if (upToDate) tally.acknowledged += 1;
        else for (const cluster of connection.waitingFor) tally.waitingFor.add(cluster);
      }
    }
    const facts: DeliveryFact[] = [];
    for (const { source, enteredAt } of this.#index.known()) {
      if (settled < enteredAt) continue;
      const key = renderSourceKey(source);
      const tally = tallies.get(key);
      facts.push({
        source: key,
        uid: source.uid,
        generation: source.generation,
        affected: tally?.affected ?? 0,
        acknowledged: tally?.acknowledged ?? 0,
        waitingFor: [...(tally?.waitingFor ?? [])].sort().slice(0, 5),
        ...(tally?.rejection === undefined ? {} : { rejection: tally.rejection }),
      });
    }
    return { replica: this.#replica, facts };
  }

  #blamed(connectionId: string, connection: Connection): ReadonlyMap<SourceKey, string> {
    const blamed = new Map<SourceKey, string>();
    for (const [typeUrl, rejection] of connection.rejections) {
      for (const source of this.#index.blame(connectionId, typeUrl, rejection.names))
        blamed.set(renderSourceKey(source), rejection.message);
    }
    return blamed;
  }
}
