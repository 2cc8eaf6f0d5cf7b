/**
 * Owns: the sources that feed the graph's inputs: decoding of Kubernetes objects and mesh resources, the cluster, the file
 * and the memory source, the record of when each generation came into force.
 * May import: api, model, graph, kube, runtime, yaml.
 * Invariants: decoders are pure; the last valid version of a mesh resource or Secret stays in force while its source runs; what
 * isn't read (status, managed fields, foreign labels and annotations) never reaches an input; only Secrets that gateways
 * refer to are read; all initial lists arrive as one edit; a mesh configuration takes effect as a whole or not at all; of
 * namespaces that it does not select nothing reaches an input.
 */
export { type ClusterSource, type ClusterSourceOptions, createClusterSource } from './cluster.ts';
export { meshKinds } from './decode/config.ts';
export type { AnyObject, ClusterContext } from './decode/objects.ts';
export { type EventKind, type ObjectEvent, ObjectEvents } from './events.ts';
export { type CertificateTimeOptions, createCertificateTime } from './expiry.ts';
export { createFileSource, type FileSource, type FileSourceOptions } from './files/source.ts';
export { type GenerationEntry, Generations } from './generations.ts';
export { createMemorySource, type MemorySource, type MemorySourceOptions, parseObjects } from './memory.ts';
export {
  createMeshConfigReader,
  type MeshConfigOutcome,
  type MeshConfigReader,
  type MeshConfigReaderOptions,
} from './mesh-config.ts';
export { parseMeshDocument } from './mesh-document.ts';
export {
  type ClusterWriter,
  type CoreKind,
  coreKinds,
  createClusterWriter,
  isObjectKind,
  type NamespaceFilter,
  type ObjectKind,
} from './writer.ts';
