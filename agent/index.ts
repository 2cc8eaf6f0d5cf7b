/**
 * Owns: what runs beside a workload: redirection, bootstrap, certificates and SDS, Envoy's life cycle, probes, metrics,
 * DNS.
 * May import: api/constants, runtime/core, wire/agent, envoy/bootstrap, Node's own modules. No other package: it is paid
 * for in every pod, and a test lists what its bundle holds.
 * Invariants: private keys live in memory only, unless OUTPUT_CERTS names a folder for them, and are never logged; Envoy speaks to the control plane itself, the agent
 * is not in that path; constructing does no I/O, `run` does; the environment comes in from the caller.
 */
export type { AgentHost } from './host.ts';
export { runAgent } from './main.ts';
