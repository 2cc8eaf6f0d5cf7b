import { join } from 'node:path';
import { type ClusterLayout, runKubectl } from '../cluster/index.ts';
import { defaultMeshImages, type Image, loadImages, meshImages, sampleImages } from '../images/index.ts';
import type { Progress } from '../setup/index.ts';

const root = join(import.meta.dirname, '../..');

/** What is applied, in this order; `operator`, a kustomization, holds the definitions too. */
export const manifests = {
  operator: join(root, 'config/default'),
  mesh: join(root, 'config/samples/mesh.yaml'),
  sample: join(root, 'config/samples/bookinfo'),
} as const;

/** The namespace that Bookinfo is put into; its label asks for sidecars. */
export const sampleNamespace = 'bookinfo';

const meshPatienceSeconds = 180;
const samplePatienceSeconds = 120;

/** Builds the images of the mesh and of the sample. */
export async function buildImages(progress: Progress, signal?: AbortSignal): Promise<Image[]> {
  return [...(await meshImages(defaultMeshImages, progress, signal)), ...(await sampleImages(progress, signal))];
}

/** Loads the images that the cluster lacks, and replaces the pods that run an older one. */
export async function provideImages(
  layout: ClusterLayout,
  images: readonly Image[],
  progress: Progress,
): Promise<void> {
  const loaded = await loadImages(layout, images, progress);
  await restartPods(layout, new Set(loaded));
}

/**
 * Replaces the pods that run an image of which there is a newer one under the same name, the mesh's own before those that
 * get their sidecars from it, and waits for each namespace to be available again.
 */
async function restartPods(layout: ClusterLayout, images: ReadonlySet<string>): Promise<void> {
  if (images.size === 0) return;
  const list = JSON.parse(await runKubectl(layout, ['get', 'pods', '-A', '-o', 'json'])) as {
    items: readonly RunningPod[];
  };
  const stale = list.items.filter(({ spec }) =>
    [...spec.containers, ...(spec.initContainers ?? [])].some(({ image }) => images.has(image)),
  );
  const namespaces = [...new Set(stale.map(({ metadata }) => metadata.namespace))];
  for (const namespace of namespaces.sort((a, b) => rankOf(a) - rankOf(b))) {
    const names = stale.flatMap(({ metadata }) => (metadata.namespace === namespace ? [metadata.name] : []));
    await runKubectl(layout, ['delete', 'pod', '-n', namespace, ...names, '--wait=true']);
    const patience = `--timeout=${samplePatienceSeconds}s`;
    await runKubectl(layout, ['wait', 'deployment', '--all', '-n', namespace, '--for=condition=Available', patience]);
  }
}

const meshNamespaces = ['istio-operator', 'istio-system'];

function rankOf(namespace: string): number {
  const rank = meshNamespaces.indexOf(namespace);
  return rank === -1 ? meshNamespaces.length : rank;
}

interface RunningPod {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly containers: readonly { readonly image: string }[];
    readonly initContainers?: readonly { readonly image: string }[];
  };
}

/** Applies the CRDs, the operator and the one resource that describes the mesh, and waits until that says Ready. */
export async function installMesh(layout: ClusterLayout, progress: Progress): Promise<void> {
  progress('definitions and operator');
  await apply(layout, ['-k', manifests.operator]);
  await runKubectl(layout, [
    'wait',
    '--for=condition=Established',
    '--timeout=30s',
    'crd/istiooperators.install.istio.io',
  ]);
  progress('mesh');
  await apply(layout, ['-f', manifests.mesh]);
  await runKubectl(layout, [
    'wait',
    '--for=condition=Ready',
    `--timeout=${meshPatienceSeconds}s`,
    '-f',
    manifests.mesh,
  ]);
}

/** Deploys Bookinfo with its routes into a namespace whose pods get sidecars, and waits until all of it is available. */
export async function installSample(layout: ClusterLayout, progress: Progress): Promise<void> {
  const namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: sampleNamespace, labels: { 'istio-injection': 'enabled' } },
  };
  await apply(layout, ['-f', '-'], JSON.stringify(namespace));
  progress('services and routes');
  // File by file: the folder also holds the services' sources.
  const files = ['bookinfo.yaml', 'destination-rules.yaml', 'gateway.yaml'];
  const named = files.flatMap((file) => ['-f', join(manifests.sample, file)]);
  await apply(layout, ['-n', sampleNamespace, ...named]);
  progress('waiting for the pods');
  const timeout = `--timeout=${samplePatienceSeconds}s`;
  const deployments = ['deployment', '--all', '-n', sampleNamespace];
  await runKubectl(layout, ['wait', '--for=condition=Available', timeout, ...deployments]);
}

async function apply(layout: ClusterLayout, parameters: readonly string[], input?: string): Promise<void> {
  const command = ['apply', '--server-side', '--force-conflicts', '--field-manager=lateen-demo', ...parameters];
  await runKubectl(layout, command, input);
}
