/** How many streams one peer holds, so that none keeps the others from being served. */
import { LateenError, Quota } from '#runtime/index.ts';
import type { XdsMetrics } from './metrics.ts';

export interface CrowdLimits {
  /** Most streams of one identity, which all replicas of a service account share; where none is proven, of one address. */
  readonly maxStreamsPerIdentity: number;
  /** Most streams of those whose nodes have one id, so that a proxy gone wrong does not use up what its identity may have. */
  readonly maxStreamsPerProxy: number;
}

export class Crowd {
  readonly #identities: Quota;
  readonly #proxies: Quota;
  readonly #metrics: Pick<XdsMetrics, 'exhausted'>;

  constructor(limits: CrowdLimits, metrics: Pick<XdsMetrics, 'exhausted'>) {
    this.#identities = new Quota(limits.maxStreamsPerIdentity);
    this.#proxies = new Quota(limits.maxStreamsPerProxy);
    this.#metrics = metrics;
  }

  /** One stream more of this holder, until the result is called. Throws LateenError `exhausted` when it has all it may have. */
  join(holder: string): () => void {
    return this.#take(this.#identities, 'identity', holder, holder);
  }

  /** The same once a stream of the holder is known to be of this proxy. What others say is their proxy counts for them. */
  joinProxy(holder: string, nodeId: string): () => void {
    return this.#take(this.#proxies, 'proxy', `${holder} ${nodeId}`, `proxy ${nodeId} of ${holder}`);
  }

  #take(quota: Quota, kind: 'identity' | 'proxy', key: string, who: string): () => void {
    const leave = quota.take(key);
    if (leave !== undefined) return leave;
    this.#metrics.exhausted(kind);
    throw new LateenError('exhausted', `${who} has ${quota.most} discovery streams, as many as it may have`);
  }
}
