import type { OwnPorts } from '../ownports.ts';
import type { Locality } from './identity.ts';

export type InterceptionMode = 'REDIRECT' | 'TPROXY' | 'NONE';

/** `4`, `6` or `46` (dual stack): the address families that a proxy's own addresses belong to. */
export type Families = '4' | '6' | '46';

/** What a connected proxy says of itself and what the model reads of it. */
export interface ProxyFacts {
  readonly type: 'sidecar' | 'router';
  readonly namespace: string;
  readonly podName: string;
  readonly ipAddresses: readonly string[];
  /** As claimed; the pod's own labels win where the pod is known. */
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly clusterId: string;
  readonly network: string;
  readonly locality: Locality;
  readonly interceptionMode: InterceptionMode;
  readonly envoyVersion: string;
  readonly extensions: readonly string[];
  readonly dnsCapture?: boolean;
  readonly ownPorts?: OwnPorts;
}

/** The keys under which the resources of a proxy are found; proxies with equal keys share everything. */
export interface ProxyKeys {
  readonly view: string;
  /** Sidecars only. */
  readonly class?: string;
  /** Routers only. */
  readonly gateway?: string;
  /** Where it runs; absent while no service of the mesh asks. */
  readonly place?: string;
}
