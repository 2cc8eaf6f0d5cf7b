/**
 * Owns: the local Kubernetes cluster: namespaces, network, cgroups, credentials, the programs that run in it, and the way
 * back: everything that `startCluster` makes, `stopCluster` removes.
 * May import: anything. Invariants: a cluster is recorded before anything of it is made; the host keeps its settings,
 * firewall rules and files; clusters with different names run side by side.
 */
export { runCtr } from './containerd.ts';
export { type ComponentName, daemonLog, findProcesses, killDaemons } from './daemons.ts';
export { stopCluster } from './down.ts';
export { kubectlPath, runKubectl } from './kubectl.ts';
export { type ClusterLayout, containerdSocket, kubeconfigPath } from './layout.ts';
export { enterNamespaces } from './namespaces.ts';
export { listLayouts, readLayout } from './record.ts';
export { startCluster } from './up.ts';
