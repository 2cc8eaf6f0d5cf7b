/** A mesh in memory for tests: two clusters if asked, objects as YAML, every query at hand. */
import { createGraph, type Graph, type Query } from '#graph/index.ts';
import { createMemorySource, Generations, type MemorySource } from '#registry/index.ts';
import { readCompositionKeys } from '../composition.ts';
import { createMeshInputs, type MeshInputs } from '../inputs.ts';
import { renderProxyFacts } from '../proxykeys.ts';
import { createMeshQueries, type MeshQueries } from '../queries.ts';
import type { ProxyFacts, ProxyKeys } from '../types/proxy.ts';
import type { Composition, Slice } from '../types/resolved.ts';

export interface TestMesh {
  readonly graph: Graph;
  readonly inputs: MeshInputs;
  readonly queries: MeshQueries;
  readonly generations: Generations;
  /** Cluster `Kubernetes`. */
  readonly source: MemorySource;
  /** Cluster `east`. */
  readonly east: MemorySource;
  read<V>(query: Query<V>, key: string): V;
  keysOf(proxy: Partial<ProxyFacts>): ProxyKeys;
  /** The flat list of a composition. */
  flatten(slices: Query<Slice>, composition: Composition): readonly string[];
  /** How often each query was computed since the last call. */
  countComputed(): Readonly<Record<string, number>>;
}

export function createTestMesh(): TestMesh {
  const graph = createGraph();
  const inputs = createMeshInputs(graph);
  const queries = createMeshQueries(graph, inputs);
  const generations = new Generations();
  const edit: Parameters<typeof createMemorySource>[0]['edit'] = (batch) => {
    graph.edit(batch);
    generations.settle(graph.revision);
  };
  let before: Record<string, number> = {};
  return {
    graph,
    inputs,
    queries,
    generations,
    source: createMemorySource({ inputs, generations, edit }),
    east: createMemorySource({ inputs, generations, edit, clusterId: 'east', network: 'net-east' }),
    read: (query, key) => graph.read(query, key),
    keysOf: (proxy) => graph.read(queries.proxyKeys, renderProxyFacts(testProxy(proxy))),
    flatten: (slices, composition) => readCompositionKeys(graph, slices, composition),
    countComputed() {
      const now: Record<string, number> = {};
      const difference: Record<string, number> = {};
      for (const [name, { computed }] of Object.entries(graph.statistics().queries)) {
        now[name] = computed;
        const more = computed - (before[name] ?? 0);
        if (more > 0) difference[name] = more;
      }
      before = now;
      return difference;
    },
  };
}

export function testProxy(facts: Partial<ProxyFacts>): ProxyFacts {
  return {
    type: 'sidecar',
    namespace: 'default',
    podName: 'client-1',
    ipAddresses: ['10.0.0.1'],
    labels: {},
    serviceAccount: 'default',
    clusterId: 'Kubernetes',
    network: '',
    locality: { region: '', zone: '', subzone: '' },
    interceptionMode: 'REDIRECT',
    envoyVersion: '1.40.0',
    extensions: [],
    ...facts,
  };
}
