import type { Metrics } from '#runtime/index.ts';
import type { Mesh } from './mesh.ts';

/** What this control plane is and what it knows, under Istio's names. */
export function declareMeshMetrics(
  metrics: Metrics,
  { graph, inputs }: Pick<Mesh, 'graph' | 'inputs'>,
  version: string,
): void {
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
}
