/** Applications that tests start in namespaces of their own. */
import type { Cluster } from './cluster.ts';

/** Applies the objects to a new namespace with these labels and waits until all its Deployments are available. */
export async function startApplication(
  cluster: Cluster,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  objects: readonly object[],
): Promise<void> {
  await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } }]);
  await cluster.apply(objects, namespace);
  const available = ['--for=condition=Available', '--timeout=120s', 'deployment', '--all'];
  await cluster.kubectl(['wait', '-n', namespace, ...available]);
}
