/** How long it takes from `kubectl apply` of the one mesh resource to its READY True. */
import { type ClusterLayout, runKubectl } from '#hack/cluster/index.ts';
import { manifests } from '#hack/demo/install.ts';
import { LateenError, systemClock } from '#runtime/core/index.ts';
import type { Benchmark } from './measurement.ts';

const patienceSeconds = 180;

export const install: Benchmark = {
  name: 'install',
  describes: 'kubectl apply of the mesh resource to READY, on a warm cluster with images present',
  async run(signal, setting) {
    const { layout } = await setting.mesh();
    const removal: number[] = [];
    const ready: number[] = [];
    const repetitions = setting.repetitions ?? 3;
    while (ready.length < repetitions) {
      signal.throwIfAborted();
      removal.push(await timed(() => removeMesh(layout, signal)));
      ready.push(await timed(() => applyMesh(layout)));
      setting.report(`${ready.length} of ${repetitions}: READY after ${ready.at(-1)?.toFixed(1)} s`);
    }
    return [
      { figure: 'apply to READY', unit: 's', samples: ready, atMost: 15 },
      { figure: 'delete to all gone', unit: 's', samples: removal },
    ];
  },
};

async function applyMesh(layout: ClusterLayout): Promise<void> {
  await runKubectl(layout, ['apply', '--server-side', '--field-manager=lateen-demo', '-f', manifests.mesh]);
  const condition = ['--for=condition=Ready', `--timeout=${patienceSeconds}s`];
  await runKubectl(layout, ['wait', ...condition, '-f', manifests.mesh]);
}

/** Deletes the mesh resource and waits until no pod of the mesh is left, not even one that is ending. */
async function removeMesh(layout: ClusterLayout, signal: AbortSignal): Promise<void> {
  await runKubectl(layout, ['delete', `--timeout=${patienceSeconds}s`, '-f', manifests.mesh]);
  const deadline = performance.now() + patienceSeconds * 1000;
  for (;;) {
    const left = await meshPods(layout);
    if (left.length === 0) return;
    if (performance.now() > deadline) throw new LateenError('deadline', `still there: ${left.join(', ')}`);
    await systemClock.sleep(200, signal);
  }
}

/** Pods of istiod and gateways. */
async function meshPods(layout: ClusterLayout): Promise<readonly string[]> {
  const output = await runKubectl(layout, ['get', 'pods', '-n', 'istio-system', '-l', 'istio', '-o', 'name']);
  return output.split('\n').filter((line) => line !== '');
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
