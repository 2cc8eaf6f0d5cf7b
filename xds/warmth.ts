/**
 * What a client's other answers say of clusters whose CDS response it has not answered: while any cluster warms, Envoy
 * withholds the acknowledgement of all of them. It reads its stream in order, so an answer to a later response tells that
 * the clusters are there, and the acknowledgement of a cluster's endpoints that it is warm: nothing else that we send
 * keeps an EDS cluster waiting, its certificates come from beside the proxy.
 */
import type { Sent } from './change.ts';
import { ENDPOINT, type ResourceType } from './types.ts';

export class Warmth {
  /** The highest number of a response that was acknowledged. */
  #latest = 0;
  readonly #warm = new WeakMap<Sent, Set<string>>();

  /** The client has acknowledged a response; `unanswered` are the CDS responses that it has not answered. */
  answered(sent: Sent, type: ResourceType, unanswered: readonly Sent[]): void {
    this.#latest = Math.max(this.#latest, Number(sent.nonce));
    if (type.typeUrl !== ENDPOINT || unanswered.length === 0) return;
    const acknowledged = new Set(sent.changes.map(({ name }) => name));
    for (const response of unanswered) {
      if (Number(response.nonce) > Number(sent.nonce)) continue;
      const warm = this.#warm.get(response) ?? new Set<string>();
      this.#warm.set(response, warm);
      for (const { name, resource } of response.changes)
        if (resource?.endpointsName !== undefined && acknowledged.has(resource.endpointsName)) warm.add(name);
    }
  }

  /** Whether the client has read the response, as it has acknowledged a later one. */
  hasPassed(response: Sent): boolean {
    return this.#latest > Number(response.nonce);
  }

  /** Whether the client has this cluster of a response that it has not answered, and its endpoints. */
  isWarm(response: Sent, cluster: string): boolean {
    return this.#warm.get(response)?.has(cluster) ?? false;
  }
}
