import type { Metrics } from '#runtime/index.ts';

/** Istio's names, for its dashboards and alerts; `lateen_ca_store_healthy` is ours. */
export function declareCaMetrics(metrics: Metrics) {
  return {
    csrs: metrics.counter({ name: 'citadel_server_csr_count', help: 'Certificate requests received.' }),
    issued: metrics.counter({
      name: 'citadel_server_success_cert_issuance_count',
      help: 'Certificates issued to workloads.',
    }),
    authenticationFailures: metrics.counter({
      name: 'citadel_server_authentication_failure_count',
      help: 'Certificate requests whose sender did not prove who it is.',
    }),
    csrParsingErrors: metrics.counter({
      name: 'citadel_server_csr_parsing_err_count',
      help: 'Certificate requests that are malformed or that we do not sign.',
    }),
    signErrors: metrics.counter({
      name: 'citadel_server_csr_sign_err_count',
      help: 'Certificate requests that could not be signed, by cause.',
      labels: ['error'],
    }),
    rootExpiry: metrics.gauge({
      name: 'citadel_server_root_cert_expiry_timestamp',
      help: 'When the first root expires, in seconds since the epoch.',
    }),
    chainExpiry: metrics.gauge({
      name: 'citadel_server_cert_chain_expiry_timestamp',
      help: 'When the signing certificate expires, in seconds since the epoch.',
    }),
    storeHealthy: metrics.gauge({
      name: 'lateen_ca_store_healthy',
      help: '1 when the stored certificate authority is the one in use, 0 when it is missing, broken or another one.',
    }),
  };
}

export type CaMetrics = ReturnType<typeof declareCaMetrics>;
