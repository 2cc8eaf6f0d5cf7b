export interface ScaleOptions {
  /** Numbers of proxies to measure with, one after the other. */
  readonly proxies: readonly number[];
  readonly services: number;
  readonly namespaces: number;
  /** Proxies come over mutual TLS. */
  readonly tls: boolean;
  readonly quick: boolean;
  /** Path of Istio's `pilot-discovery`. */
  readonly istiod: string | undefined;
}

export const defaultScale: ScaleOptions = {
  proxies: [100, 500],
  services: 1_000,
  namespaces: 20,
  tls: false,
  quick: false,
  istiod: undefined,
};
