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
  /** Calls `onReports` with the newest report of every reachable replica, at first and after changes, until aborted. */
  watch(onReports: (reports: readonly DeliveryReport[]) => void, signal: AbortSignal): Promise<void>;
}

/**
 * Adds up what replicas say of one resource. A fact of an older generation or of another incarnation (uid) counts its
 * proxies as affected and not yet acknowledged, since that replica has not seen the newer object.
 */
export function resolveDelivery(reports: readonly DeliveryReport[], source: SourceKey, uid: string, generation: number): Omit<DeliveryFact, 'source' | 'uid' | 'generation'> & { readonly replicas: number } {
  let affected = 0;
  let acknowledged = 0;
  let replicas = 0;
  let rejection: DeliveryFact['rejection'];
  const waitingFor = new Set<string>();
  for (const report of reports) {
    const fact = report.facts.find((candidate) => candidate.source === source && candidate.uid === uid);
    if (fact === undefined) continue;
    affected += fact.affected;
    if (fact.generation < generation) continue;
    replicas += 1;
    acknowledged += fact.acknowledged;
    rejection ??= fact.rejection;
    for (const cluster of fact.waitingFor) waitingFor.add(cluster);
  }
  return { affected, acknowledged, replicas, waitingFor: [...waitingFor].sort(), ...(rejection === undefined ? {} : { rejection }) };
}
