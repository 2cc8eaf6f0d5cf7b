/**
 * Owns: what a machine needs before anything here runs: Debian packages, stock Envoy, the Kubernetes executable, Envoy's
 * descriptors, simulated proxies; the cache they lie in, locks, and the display of long steps.
 * May import: anything. Invariants: every step may be repeated, is keyed by the content it is made from, and keeps
 * nothing when it fails.
 */
export { cacheDirectory, cached, contentHash, directoryHash } from './cache.ts';
export { type CommandOptions, commandSucceeds, runCommand } from './command.ts';
export { findProgram, installDebianPackages } from './debian.ts';
export { ensure, exitWithReason, type Need } from './ensure.ts';
export { envoyBinary, envoyVersion } from './envoy.ts';
export { coreDnsBinary, goBinary, type KubeProgram, kubeBinary, type Progress } from './kube.ts';
export { withLock } from './lock.ts';
export { processStartTime } from './process-identity.ts';
export { proxiesBinary } from './proxies.ts';
export { runSteps, type Step } from './steps.ts';
