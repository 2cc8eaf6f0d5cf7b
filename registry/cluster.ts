/**
 * The source that is one Kubernetes cluster: a watch per kind, decoded into edits. Lists come in pieces that are small
 * enough for everything else to go on between them. Until every kind has delivered its first list the source is not synced,
 * and nobody builds on half a world.
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
import type { MeshInputs, MeshKind } from '#model/index.ts';
import { type Clock, type Component, type Logger, nextTurn, runComponents } from '#runtime/index.ts';
import type { OnEdited } from './after-edits.ts';
import { meshKinds } from './decode/config.ts';
import type { AnyObject, ClusterContext } from './decode/objects.ts';
import type { ObjectEvents } from './events.ts';
import type { Generations } from './generations.ts';
import { createMeshConfigReader, type MeshConfigOutcome } from './mesh-config.ts';
import { isPartial } from './partial.ts';
import { createSecretSource } from './secrets.ts';
import { createClusterWriter, type NamespaceFilter, type ObjectKind } from './writer.ts';

export interface ClusterSourceOptions {
  readonly client: KubeClient;
  readonly inputs: MeshInputs;
  readonly generations: Generations;
  readonly events?: ObjectEvents;
  /** Applies a batch to the graph. `partial`: what belongs to it is about to come. */
  readonly edit: (batch: EditBatch, partial?: boolean) => void;
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
  readonly onEdited: OnEdited;
  /** Called with each mesh resource as it is read, whole. Must be cheap. */
  readonly onConfig?: (kind: MeshKind, object: KubeObject) => void;
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

/** So many objects are read, decoded and written at once: some milliseconds. */
const pieceSize = 250;

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
  const writer = createClusterWriter({
    inputs,
    context,
    generations: options.generations,
    systemNamespace: options.meshConfig.namespace,
    logger,
    now: () => clock.now(),
    ...(options.events === undefined ? {} : { events: options.events }),
  });
  const arrivals = createArrivals();
  const config = arrivals.expect();
  const namespaces = arrivals.expect();
  /** From then on it is known which namespaces are looked at; before, much would be written to be taken away again. */
  const selected = Promise.all([config.come, namespaces.come]);

  const watch = (kind: ObjectKind, resource: Resource, onRead: (object: KubeObject) => void = () => undefined) => {
    const arrival = kind === 'Namespace' ? namespaces : arrivals.expect();
    return watchKind<KubeObject>({
      client,
      resource,
      clock,
      random,
      pageSize: pieceSize,
      onList: () => {
        const writing = writer.list(kind);
        return {
          async take(objects) {
            if (kind !== 'Namespace') await selected;
            objects.forEach(onRead);
            for (let at = 0; at < objects.length; at += pieceSize) {
              if (at > 0) await nextTurn();
              const piece = objects.slice(at, at + pieceSize) as readonly AnyObject[];
              options.edit((edit) => writing.add(edit, piece));
            }
          },
          end() {
            options.edit((edit) => writing.end(edit));
            arrival.arrived();
          },
        };
      },
      onBatch: (batch) => {
        options.edit(planEdit(writer, kind, batch), isPartial(writer, kind, batch));
        if (batch.type === 'changes') for (const { type, object } of batch.changes) if (type === 'set') onRead(object);
      },
      onTrouble: (trouble) => {
        logTrouble(logger, resource, trouble);
        if (!trouble.kindMissing) return;
        // A kind that the cluster doesn't have holds no objects; nothing waits for it.
        options.edit((edit) => writer.replace(edit, kind, []));
        arrival.arrived();
      },
    });
  };

  const reader = createMeshConfigReader({ ...options.meshConfig, writer, logger });
  const takeMeshConfig = (object: KubeObject | undefined) => {
    const write = reader.read(object);
    if (write === undefined) return;
    options.edit(write);
    config.arrived();
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
      const resource = { group, version: storageVersion, plural, kind, namespaced };
      return watch(kind, resource, (object) => options.onConfig?.(kind, object));
    }),
    configWatch,
  ];
  const secrets = createSecretSource({ ...options, writer });
  return {
    name: `cluster ${options.clusterId}`,
    synced: arrivals.complete,
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

/** Tells when everybody who is expected has come. All are announced before the first comes. */
function createArrivals() {
  const all = Promise.withResolvers<void>();
  let missing = 0;
  return {
    complete: all.promise,
    expect: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      missing += 1;
      let come = false;
      return {
        come: promise,
        arrived: () => {
          if (come) return;
          come = true;
          resolve();
          missing -= 1;
          if (missing === 0) all.resolve();
        },
      };
    },
  };
}

function logTrouble(logger: Logger, resource: Resource, { error, retryInMs, kindMissing }: WatchTrouble): void {
  const fields = { kind: resource.kind, retryInMs: Math.round(retryInMs) };
  if (kindMissing) logger.debug('the cluster does not have this kind', fields);
  else logger.warn('a watch was interrupted', { ...fields, reason: error.message });
}
