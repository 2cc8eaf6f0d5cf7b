import { type CoreKind, coreKinds, type EventKind } from '#registry/index.ts';
import type { Metrics } from '#runtime/index.ts';
import type { Mesh } from './mesh.ts';

export interface MeshMetrics {
  /** Proxies are served something new because these inputs of the graph have changed. */
  served(inputs: readonly string[]): void;
}

/** What this control plane is, what it knows and what it hears, under Istio's names. */
export function declareMeshMetrics(
  metrics: Metrics,
  { graph, inputs, events }: Pick<Mesh, 'graph' | 'inputs' | 'events'>,
  version: string,
): MeshMetrics {
  metrics
    .gauge({ name: 'pilot_info', help: 'The version of this control plane.', labels: ['version'] })
    .set({ version }, 1);
  metrics
    .gauge({ name: 'istio_build', help: 'What runs here.', labels: ['component', 'tag'] })
    .set({ component: 'pilot', tag: version }, 1);
  metrics.measure({
    name: 'pilot_services',
    help: 'Services known to this control plane.',
    read: () => graph.peekKeys(inputs.services).length,
  });
  metrics.measure({
    name: 'pilot_virt_services',
    help: 'VirtualServices known to this control plane.',
    read: () => graph.peekKeys(inputs.virtualServices).length,
  });
  metrics.measure({
    name: 'lateen_graph_nodes',
    help: 'Values that the incremental graph holds.',
    read: () => Object.values(graph.statistics().queries).reduce((sum, { nodes }) => sum + nodes, 0),
  });
  metrics.measure({
    name: 'lateen_graph_edges',
    help: 'Dependencies between values of the incremental graph.',
    read: () => graph.statistics().edges,
  });
  const labels = ['type', 'event'] as const;
  const readEvents = (isMeant: (kind: EventKind) => boolean) => () =>
    [...events].flatMap(({ kind, event, count }) =>
      isMeant(kind) ? [{ labels: { type: isCore(kind) ? registryTypes[kind] : kind, event }, value: count }] : [],
    );
  metrics.tally({
    name: 'pilot_k8s_reg_events',
    help: 'Services and what runs behind them that came, changed or went.',
    labels,
    read: readEvents(isCore),
  });
  metrics.tally({
    name: 'pilot_k8s_cfg_events',
    help: 'Mesh resources that came, changed or went.',
    labels,
    read: readEvents((kind) => !isCore(kind)),
  });
  const triggers = metrics.counter({
    name: 'pilot_push_triggers',
    help: 'Times that proxies were served something new, by what had changed.',
    labels: ['type'],
  });
  return {
    served: (changed) => {
      for (const type of new Set(changed.map((input) => triggerTypes[input] ?? 'config'))) triggers.increment({ type });
    },
  };
}

const isCore = (kind: EventKind): kind is CoreKind => coreKinds.some((known) => known === kind);

/** Kinds of objects as Istio's registry calls them. */
const registryTypes: Readonly<Record<CoreKind, string>> = {
  Service: 'Services',
  EndpointSlice: 'EndpointSlice',
  Pod: 'Pods',
  Node: 'Nodes',
  Namespace: 'Namespaces',
  Secret: 'Secrets',
};

/** What Istio calls a change of these inputs; one of a mesh resource is a change of configuration. */
const triggerTypes: Readonly<Record<string, string>> = {
  services: 'service',
  endpointSlices: 'endpoint',
  workloads: 'endpoint',
  nodes: 'endpoint',
  namespaces: 'namespace',
  tlsSecrets: 'secret',
  meshConfig: 'global',
};
