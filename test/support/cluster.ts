import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ClusterLayout,
  type ComponentName,
  killDaemons,
  kubeconfigPath,
  readLayout,
  runKubectl,
  startCluster,
  stopCluster,
} from '#hack/cluster/index.ts';
import { type Image, loadImages } from '#hack/images/index.ts';
import type { Progress } from '#hack/setup/index.ts';
import { LateenError, systemClock } from '#runtime/core/index.ts';

/** A real Kubernetes cluster with one node, for tests. */
export interface Cluster {
  readonly layout: ClusterLayout;
  /** Path of the administrator's kubeconfig; the server's address in it is reachable from here. */
  readonly kubeconfig: string;
  /** Runs kubectl as administrator and gives its standard output; `input` is its standard input. */
  kubectl(parameters: readonly string[], input?: string): Promise<string>;
  /** Server-side apply of objects or of a YAML text. */
  apply(objects: string | readonly object[], namespace?: string): Promise<void>;
  /** Runs a command in a pod (or `deploy/NAME`) and gives its standard output. */
  exec(namespace: string, pod: string, container: string, command: readonly string[]): Promise<string>;
  load(images: readonly Image[]): Promise<void>;
  /** Ends a component at once (SIGKILL). It stays away until `restart`. */
  kill(component: ComponentName): Promise<void>;
  /** Kills a component if it runs, starts it again, and waits until the cluster is ready. */
  restart(component: ComponentName): Promise<void>;
}

const progress: Progress = (message) => process.stderr.write(`    cluster: ${message}\n`);
const startedHere = new Set<string>();

/**
 * The cluster of that name: the one that runs, or else a new one, which is removed when this test run ends. One left over
 * by a test run that was killed counts as new.
 */
export async function useCluster(name = process.env.LATEEN_TEST_CLUSTER ?? 'test'): Promise<Cluster> {
  const known = await readLayout(name);
  const isOurs = known === undefined || existsSync(testMark(known));
  const layout = await startCluster(name, progress);
  if (isOurs) {
    startedHere.add(name);
    await writeFile(testMark(layout), '');
  }
  return describeCluster(layout);
}

/** Removes a cluster now instead of at the end of the run. */
export async function removeCluster(name: string): Promise<void> {
  startedHere.delete(name);
  await stopCluster(name);
}

/** Keeps a cluster that this run started, to look into it. */
export async function keepCluster(cluster: Cluster): Promise<void> {
  startedHere.delete(cluster.layout.name);
  await rm(testMark(cluster.layout), { force: true });
}

/** Asks until the answer is not undefined. Throws LateenError('deadline') naming what did not come. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>, seconds = 60): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new LateenError('deadline', `${what}: not within ${seconds} s`);
    await systemClock.sleep(200);
  }
}

function describeCluster(layout: ClusterLayout): Cluster {
  const kubectl = (parameters: readonly string[], input?: string) => runKubectl(layout, parameters, input);
  return {
    layout,
    kubeconfig: kubeconfigPath(layout),
    kubectl,
    apply: async (objects, namespace) => {
      const text =
        typeof objects === 'string' ? objects : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      const where = namespace === undefined ? [] : ['-n', namespace];
      await kubectl(['apply', '--server-side', '--force-conflicts', ...where, '-f', '-'], text);
    },
    exec: (namespace, pod, container, command) =>
      kubectl(['exec', '-n', namespace, pod, '-c', container, '--', ...command]),
    load: async (images) => {
      await loadImages(layout, images, progress);
    },
    kill: (component) => killDaemons(layout, component),
    restart: async (component) => {
      await killDaemons(layout, component);
      await startCluster(layout.name, progress);
    },
  };
}

function testMark(layout: ClusterLayout): string {
  return join(layout.directory, 'started-by-test');
}

// At the top level of a test file this is a hook of the whole run.
after(async function removeStartedClusters() {
  this.timeout(60_000);
  for (const name of startedHere) await stopCluster(name);
});
