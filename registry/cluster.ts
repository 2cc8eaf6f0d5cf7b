/**
 * The source that is one Kubernetes cluster: a watch per kind, decoded into edits. Until every kind has delivered its
 * first list nothing is written; then all of them arrive as one edit, so that nobody ever sees half a world.
 */
import { kinds } from '#api/index.ts';
import type { Batch as EditBatch } from '#graph/index.ts';
import {
  type Batch,
  type KubeClient,
  type KubeObject,
  type Resource,
  resources,
  type WatchTrouble,
  watchKind,
} from '#kube/index.ts';
import type { MeshInputs } from '#model/index.ts';
import { type Clock, type Component, type Logger, runComponents } from '#runtime/index.ts';
import { meshKinds } from './decode/config.ts';
import type { AnyObject, ClusterContext } from './decode/objects.ts';
import type { ObjectEvents } from './events.ts';
import type { Generations } from './generations.ts';
import { createMeshConfigReader, type MeshConfigOutcome } from './mesh-config.ts';
import { createSecretSource } from './secrets.ts';
import { createClusterWriter, type NamespaceFilter, type ObjectKind } from './writer.ts';

export interface ClusterSourceOptions {
  readonly client: KubeClient;
  readonly inputs: MeshInputs;
  readonly generations: Generations;
  readonly events?: ObjectEvents;
  /** Applies a batch to the graph. */
  readonly edit: (batch: EditBatch) => void;
  readonly clusterId: string;
  /** Network of pods that don't say otherwise. */
  readonly network?: string;
  /** The ConfigMap that holds MeshConfig under the key `mesh`. Until it has been valid once, or is known not to be there, nothing is served. */
  readonly meshConfig: {
    readonly namespace: string;
    readonly name: string;
    readonly onOutcome?: (outcome: MeshConfigOutcome) => void;
  };
  /** Keys (`cluster/namespace/name`) of the Secrets that gateways refer to now. Only those are ever read. */
  readonly referencedSecrets: () => readonly string[];
  /** Calls the listener after edits of the graph; returns how to stop. */
  readonly onEdited: (listener: () => void) => () => void;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface ClusterSource extends Component {
  /** Resolves once the first lists of all kinds are in the graph. */
  readonly synced: Promise<void>;
  /** The namespaces that the mesh looks at. */
  readonly namespaces: NamespaceFilter;
}

const coreResources: readonly (readonly [ObjectKind, Resource])[] = [
  ['Namespace', resources.namespaces],
  ['Node', resources.nodes],
  ['Service', resources.services],
  ['EndpointSlice', resources.endpointSlices],
  ['Pod', resources.pods],
];

export function createClusterSource(options: ClusterSourceOptions): ClusterSource {
  const { client, inputs, clock, random, logger } = options;
  const context: ClusterContext = {
    clusterId: options.clusterId,
    domainSuffix: inputs.domainSuffix,
    network: options.network ?? '',
  };
  const writer = createClusterWriter(
    inputs,
    context,
    options.generations,
    options.meshConfig.namespace,
    options.events,
  );
  const gate = createGate(options.edit);

  const watch = (kind: ObjectKind, resource: Resource) => {
    const first = gate.expect();
    return watchKind<KubeObject>({
      client,
      resource,
      clock,
      random,
      onBatch: (batch) => {
        const write = planEdit(writer, kind, batch);
        if (batch.type === 'replace') first(write);
        else gate.edit(write);
      },
      onTrouble: (trouble) => {
        logTrouble(logger, resource, trouble);
        // A kind that the cluster doesn't have holds no objects; nothing waits for it.
        if (trouble.kindMissing) first((edit) => writer.replace(edit, kind, []));
      },
    });
  };

  const firstConfig = gate.expect();
  const reader = createMeshConfigReader({ ...options.meshConfig, writer, logger });
  const takeMeshConfig = (object: KubeObject | undefined) => {
    const write = reader.read(object);
    if (write !== undefined) firstConfig(write);
  };
  const configWatch = watchKind<KubeObject>({
    client,
    resource: resources.configMaps,
    namespace: options.meshConfig.namespace,
    fieldSelector: `metadata.name=${options.meshConfig.name}`,
    clock,
    random,
    onBatch: (batch) => {
      if (batch.type === 'replace') takeMeshConfig(batch.objects[0]);
      else for (const { type, object } of batch.changes) takeMeshConfig(type === 'set' ? object : undefined);
    },
    onTrouble: (trouble) => logTrouble(logger, resources.configMaps, trouble),
  });

  const watches = [
    ...coreResources.map(([kind, resource]) => watch(kind, resource)),
    ...meshKinds.map((kind) => {
      const { group, storageVersion, plural, namespaced } = kinds[kind];
      return watch(kind, { group, version: storageVersion, plural, kind, namespaced });
    }),
    configWatch,
  ];
  const secrets = createSecretSource({ ...options, writer });
  return {
    name: `cluster ${options.clusterId}`,
    synced: gate.opened,
    namespaces: writer.namespaces,
    run: (signal) => runComponents([...watches, secrets], signal, { logger }),
  };
}

function planEdit(
  writer: ReturnType<typeof createClusterWriter>,
  kind: ObjectKind,
  batch: Batch<KubeObject>,
): EditBatch {
  if (batch.type === 'replace') return (edit) => writer.replace(edit, kind, batch.objects as readonly AnyObject[]);
  return (edit) => {
    for (const { type, object } of batch.changes) {
      if (type === 'set') writer.set(edit, kind, object as AnyObject);
      else writer.delete(edit, kind, object.metadata);
    }
  };
}

/** Holds edits back until everybody who is expected has handed one in, then lets all through as one. */
function createGate(edit: (batch: EditBatch) => void) {
  const held: EditBatch[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  let missing = 0;
  let open = false;
  const pass = (batch: EditBatch) => {
    if (open) edit(batch);
    else held.push(batch);
  };
  return {
    opened: promise,
    edit: pass,
    /** Announces one more; what is returned takes its first edit and every later one. */
    expect: () => {
      missing += 1;
      let arrived = false;
      return (batch: EditBatch) => {
        pass(batch);
        if (arrived) return;
        arrived = true;
        missing -= 1;
        if (missing > 0) return;
        open = true;
        edit((all) => {
          for (const one of held.splice(0)) one(all);
        });
        resolve();
      };
    },
  };
}

function logTrouble(logger: Logger, resource: Resource, { error, retryInMs, kindMissing }: WatchTrouble): void {
  const fields = { kind: resource.kind, retryInMs: Math.round(retryInMs) };
  if (kindMissing) logger.debug('the cluster does not have this kind', fields);
  else logger.warn('a watch was interrupted', { ...fields, reason: error.message });
}
