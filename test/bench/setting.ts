/** The cluster that benchmarks share: started when the first one asks for it, removed when the run ends. */
import { type ClusterLayout, kubeconfigPath, readLayout, startCluster, stopCluster } from '#hack/cluster/index.ts';
import { buildImages, installMesh, installSample, provideImages } from '#hack/demo/install.ts';
import { ensure } from '#hack/setup/index.ts';
import { createKubeClient, createKubeconfigConnection } from '#kube/index.ts';
import { LateenError } from '#runtime/core/index.ts';
import type { BenchArguments } from './arguments.ts';
import type { Mesh, Setting } from './measurement.ts';

/** Name of the cluster that benchmarks start for themselves. */
export const ownCluster = 'bench';

export interface OpenSetting extends Setting {
  /** Closes connections and removes the cluster if this run started it and was not told to keep it. */
  close(): Promise<void>;
}

export function openSetting(
  { cluster, keep, repetitions, scale }: BenchArguments,
  report: (message: string) => void,
  signal: AbortSignal,
): OpenSetting {
  let mesh: Promise<Mesh> | undefined;
  let sample: Promise<Mesh> | undefined;
  let started: string | undefined;

  const prepare = async (): Promise<ClusterLayout> => {
    if (cluster !== undefined) {
      const layout = await readLayout(cluster);
      if (layout === undefined)
        throw new LateenError('invalid', `no cluster named ${cluster} runs (npm run demo starts one)`);
      return layout;
    }
    await ensure(['descriptors', 'cluster'], signal);
    started = ownCluster;
    return startCluster(ownCluster, report, signal);
  };

  const startMesh = async (): Promise<Mesh> => {
    const layout = await prepare();
    await provideImages(layout, await buildImages(report, signal), report);
    await installMesh(layout, report);
    const client = createKubeClient(createKubeconfigConnection({ path: kubeconfigPath(layout) }));
    return { layout, client };
  };

  const startSample = async (running: Promise<Mesh>): Promise<Mesh> => {
    const { layout, client } = await running;
    await installSample(layout, report);
    return { layout, client };
  };

  const openMesh = (): Promise<Mesh> => {
    mesh ??= startMesh();
    return mesh;
  };

  return {
    ...{ repetitions, scale, report },
    mesh: openMesh,
    sample() {
      sample ??= startSample(openMesh());
      return sample;
    },
    async close() {
      if (mesh !== undefined) {
        const [outcome] = await Promise.allSettled([mesh]);
        if (outcome?.status === 'fulfilled') await outcome.value.client.close();
      }
      if (started !== undefined && !keep) await stopCluster(started);
    },
  };
}
