/** The configuration in force: the pages configz and mesh. */
import { kinds } from '#api/index.ts';
import type { Graph } from '#graph/index.ts';
import type { MeshInputs } from '#model/index.ts';

export interface ConfigPart {
  readonly graph: Graph;
  readonly inputs: Pick<MeshInputs, 'configs' | 'meshConfig'>;
}

/** Every valid mesh resource as Kubernetes has it, one at a time. */
export function* describeConfigs({ graph, inputs }: ConfigPart): Iterable<Readonly<Record<string, unknown>>> {
  for (const [kind, input] of Object.entries(inputs.configs)) {
    const { group, storageVersion } = kinds[kind as keyof typeof inputs.configs];
    for (const key of graph.peekKeys(input)) {
      const config = graph.peek(input, key);
      if (config === undefined) continue;
      const { name, namespace, uid, generation, resourceVersion, labels, annotations, createdAt } = config;
      yield {
        apiVersion: `${group}/${storageVersion}`,
        kind,
        metadata: {
          ...{ name, namespace, uid, generation, resourceVersion, labels, annotations },
          creationTimestamp: new Date(createdAt).toISOString(),
        },
        spec: config.spec,
      };
    }
  }
}

export function describeMeshConfig({ graph, inputs }: ConfigPart): unknown {
  return graph.peek(inputs.meshConfig, 'mesh') ?? {};
}
