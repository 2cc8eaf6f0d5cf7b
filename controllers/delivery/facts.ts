/**
 * Delivery facts: what one istiod replica knows of how a user resource has reached the proxies on its own streams.
 * The lease holder adds up the facts of all replicas of its revision and turns them into `Programmed`.
 */

/** Names one user resource in one cluster: `cluster/Kind/namespace/name`. */
export type SourceKey = string;

export function renderSourceKey(source: { cluster: string; kind: string; namespace: string; name: string }): SourceKey {
  return `${source.cluster}/${source.kind}/${source.namespace}/${source.name}`;
}

export function parseSourceKey(key: SourceKey): { cluster: string; kind: string; namespace: string; name: string } {
  const [cluster = '', kind = '', namespace = '', name = ''] = key.split('/');
  return { cluster, kind, namespace, name };
}

/** One resource at one generation, as one replica sees it. */
export interface DeliveryFact {
  readonly source: SourceKey;
  readonly uid: string;
  readonly generation: number;
  /** Connected proxies whose snapshot the resource contributes to. */
  readonly affected: number;
  /** Of those, how many have acknowledged a snapshot computed at this generation or later. */
  readonly acknowledged: number;
  /** The first refusal, in Envoy's own words. */
  readonly rejection?: { readonly proxy: string; readonly message: string };
  /** Clusters that held-back routes or listeners of this resource wait for, sorted, at most a few. */
  readonly waitingFor: readonly string[];
}

/** All facts of one replica at one moment. */
export interface DeliveryReport {
  readonly replica: string;
  readonly facts: readonly DeliveryFact[];
}

/** The port the status controller needs: the reports of every replica of this revision, again after each change. */
export interface DeliveryFacts {
  /**
   * Calls `onReports` with the newest report of every reachable replica, at first and after changes, until aborted. A report
   * that says what it said before may be the identical object.
   */
  watch(onReports: (reports: readonly DeliveryReport[]) => void, signal: AbortSignal): Promise<void>;
}

/** The facts of all replicas, by resource. */
export function indexFacts(reports: readonly DeliveryReport[]): ReadonlyMap<SourceKey, readonly DeliveryFact[]> {
  const index = new Map<SourceKey, DeliveryFact[]>();
  for (const report of reports) {
    for (const fact of report.facts) {
      const facts = index.get(fact.source);
      if (facts === undefined) index.set(fact.source, [fact]);
      else facts.push(fact);
    }
  }
  return index;
}

/** What all replicas together say of one resource at one generation. */
export type Delivery = Pick<DeliveryFact, 'affected' | 'acknowledged' | 'rejection' | 'waitingFor'>;

/**
 * Adds up what replicas say of one resource; undefined until each of the replicas that know it has translated this
 * generation of this incarnation, so that one that lags can never be mistaken for one that has nothing to do.
 * @param replicas how many replicas reported at all
 */
export function resolveDelivery(
  facts: readonly DeliveryFact[],
  replicas: number,
  uid: string,
  generation: number,
): Delivery | undefined {
  const current = facts.filter((fact) => fact.uid === uid && fact.generation >= generation);
  if (replicas === 0 || current.length < replicas) return undefined;
  const rejection = current.find((fact) => fact.rejection !== undefined)?.rejection;
  return {
    affected: current.reduce((sum, fact) => sum + fact.affected, 0),
    acknowledged: current.reduce((sum, fact) => sum + fact.acknowledged, 0),
    waitingFor: [...new Set(current.flatMap((fact) => fact.waitingFor))].sort(),
    ...(rejection === undefined ? {} : { rejection }),
  };
}
