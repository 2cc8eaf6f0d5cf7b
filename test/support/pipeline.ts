/** The pipeline without Kubernetes: objects in memory, the graph, and the snapshots of proxies. */
import { createBuilder, createGraph, type Graph } from '#graph/index.ts';
import { createMeshInputs, createMeshQueries, type MeshInputs, type MeshQueries } from '#model/index.ts';
import { createMemorySource, Generations, type MemorySource } from '#registry/index.ts';
import { type Clock, systemClock } from '#runtime/core/index.ts';
import { createSnapshotSource, type MeshSnapshotSource, type SecretAuthorizer } from '#translate/index.ts';
import type { AskedNames, Proxy as MeshProxy, Snapshot, Subscription } from '#xds/source.ts';

export interface Pipeline {
  readonly graph: Graph;
  readonly inputs: MeshInputs;
  readonly model: MeshQueries;
  readonly generations: Generations;
  readonly objects: MemorySource;
  readonly source: MeshSnapshotSource;
  /** What could not be built, as text. */
  readonly faults: readonly string[];
  /** Lets snapshots exist. */
  sync(): void;
  /** Resolves when every snapshot has been rebuilt at the graph's revision. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export interface PipelineOptions {
  readonly secrets?: SecretAuthorizer;
  /** False: no snapshot exists until `sync` is called. */
  readonly synced?: boolean;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const nobody: SecretAuthorizer = { mayReadSecrets: () => Promise.resolve(false) };

export function startPipeline(options: PipelineOptions = {}): Pipeline {
  const { clock = systemClock } = options;
  const graph = createGraph();
  const inputs = createMeshInputs(graph);
  const model = createMeshQueries(graph, inputs);
  const generations = new Generations();
  const faults: string[] = [];
  let sync = (): void => undefined;
  const synced = new Promise<void>((resolve) => {
    sync = resolve;
  });
  if (options.synced !== false) sync();
  const waiting = new Set<() => void>();
  const builder = createBuilder(graph, clock, (revision) => {
    generations.settle(revision);
    source.edited();
  });
  const source: MeshSnapshotSource = createSnapshotSource({
    ...{ graph, builder, model, synced },
    secrets: options.secrets ?? nobody,
    clock,
    onFault: (what, error) => faults.push(`${what}: ${error instanceof Error ? error.message : String(error)}`),
    onSettled: () => {
      for (const wake of waiting) wake();
    },
  });
  const objects = createMemorySource({ inputs, generations, edit: (batch) => builder.edit(batch) });
  const stopping = new AbortController();
  const running = source.run(stopping.signal);
  return {
    ...{ graph, inputs, model, generations, objects, source, faults, sync },
    settled() {
      return new Promise((resolve) => {
        const check = () => {
          if (source.settledRevision() < graph.revision) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        // One more build even if nothing changed: a proxy may just have joined.
        source.edited();
      });
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** A sidecar of a namespace that takes route tables whole, unless told otherwise. */
export function describeProxy(more: Partial<MeshProxy> = {}): MeshProxy {
  const namespace = more.namespace ?? 'bookinfo';
  const podName = more.podName ?? 'productpage-v1-0';
  return {
    connectionId: `${podName}.${namespace}-1`,
    nodeId: `sidecar~10.0.0.1~${podName}.${namespace}~${namespace}.svc.cluster.local`,
    type: 'sidecar',
    ipAddresses: ['10.0.0.1'],
    podName,
    namespace,
    dnsDomain: `${namespace}.svc.cluster.local`,
    clusterId: 'Kubernetes',
    network: '',
    locality: { region: '', zone: '', subzone: '' },
    labels: {},
    serviceAccount: 'default',
    revision: 'default',
    istioVersion: '1.31.0',
    interceptionMode: 'REDIRECT',
    envoyVersion: '1.40.0',
    extensions: [],
    metadata: {},
    client: 'envoy',
    virtualHosts: false,
    ...more,
  };
}

/** What a proxy says that asks for these. */
export function asking(...names: readonly string[]): AskedNames {
  const asked = new Set(names);
  return { size: asked.size, names: (name) => asked.has(name), [Symbol.iterator]: () => asked.values() };
}

/** Joins a proxy and waits for its first snapshot. */
export async function connect(
  pipeline: Pipeline,
  proxy: MeshProxy,
): Promise<Subscription & { readonly changes: () => number }> {
  let changes = 0;
  const subscription = pipeline.source.subscribe(proxy, () => {
    changes += 1;
  });
  await pipeline.settled();
  return Object.assign(subscription, { changes: () => changes });
}

/** `TYPE NAME VERSION` of everything in a snapshot, sorted; the type is the last part of its URL. */
export function listResources(snapshot: Snapshot | undefined): readonly string[] {
  const lines: string[] = [];
  for (const [type, resources] of snapshot?.types ?? []) {
    for (const { name, version } of resources.values()) lines.push(`${type.split('.').at(-1)} ${name} ${version}`);
  }
  return lines.sort();
}

/** `+`, `-` or `~` and `TYPE NAME` of what differs between two snapshots, sorted by name. */
export function listChanges(before: Snapshot | undefined, after: Snapshot | undefined): readonly string[] {
  const versions = (snapshot: Snapshot | undefined) =>
    new Map(listResources(snapshot).map((line) => [line.slice(0, line.lastIndexOf(' ')), line]));
  const old = versions(before);
  const now = versions(after);
  const changes: string[] = [];
  for (const [name, line] of now) if (old.get(name) !== line) changes.push(`${old.has(name) ? '~' : '+'} ${name}`);
  for (const name of old.keys()) if (!now.has(name)) changes.push(`- ${name}`);
  return changes.sort((a, b) => a.slice(2).localeCompare(b.slice(2)));
}
