/**
 * Owns: the demonstration: its steps in order, the traffic it sends and what it shows of the result; the same steps install
 * the mesh for tests on a real cluster.
 * May import: anything. Invariants: every step may be repeated; nothing but the local cluster is touched.
 */
export { installMesh, installSample, manifests, sampleNamespace } from './install.ts';
export { type DemoResult, demoCluster, runDemo } from './run.ts';
export { countVersions, type Share, sendTraffic } from './traffic.ts';
