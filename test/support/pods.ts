import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { eventually } from './cluster.ts';
import type { Mesh } from './mesh.ts';

export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly containerID?: string;
}

export interface RunningPod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec: {
    readonly containers: readonly { readonly name: string }[];
    readonly initContainers?: readonly { readonly name: string }[];
  };
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

/** Pods that are not being deleted. */
export async function listPods(mesh: Mesh, namespace: string, selector = ''): Promise<readonly RunningPod[]> {
  const pods = await readPods(mesh, namespace, selector);
  return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

async function readPods(mesh: Mesh, namespace: string, selector: string): Promise<readonly RunningPod[]> {
  const parameters = ['get', 'pods', '-n', namespace, '-l', selector, '-o', 'json'];
  return (JSON.parse(await mesh.cluster.kubectl(parameters)) as { readonly items: readonly RunningPod[] }).items;
}

const isReady = ({ status }: RunningPod) =>
  status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True');

/** Waits until all pods of the mesh and the sample are ready and none is on its way out: no roll-out is under way. */
export async function untilSettled(mesh: Mesh): Promise<void> {
  await eventually('no pod comes or goes', async () => {
    const pods = [...(await readPods(mesh, 'istio-system', '')), ...(await readPods(mesh, mesh.namespace, ''))];
    return pods.every((pod) => pod.metadata.deletionTimestamp === undefined && isReady(pod)) ? true : undefined;
  });
}

/** The one pod with these labels. */
export async function readPod(mesh: Mesh, namespace: string, selector: string): Promise<RunningPod> {
  return eventually(`one pod ${selector}`, async () => {
    const pods = await listPods(mesh, namespace, selector);
    return pods.length === 1 ? pods[0] : undefined;
  });
}

/** Waits until the one pod with these labels is ready; `accept` says whether it is the one that is waited for. */
export async function untilReady(
  mesh: Mesh,
  namespace: string,
  selector: string,
  accept: (pod: RunningPod) => boolean = () => true,
): Promise<RunningPod> {
  return eventually(`pod ${selector} is ready`, async () => {
    const [pod, second] = await listPods(mesh, namespace, selector);
    if (pod === undefined || second !== undefined || !accept(pod)) return undefined;
    return isReady(pod) ? pod : undefined;
  });
}

export function readContainer(pod: RunningPod, name: string): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status;
  return [...initContainerStatuses, ...containerStatuses].find((status) => status.name === name);
}

/** `namespace/pod uid container restarts` of all pods of the mesh and the sample: equal lists mean that none restarted. */
export async function listRestarts(mesh: Mesh): Promise<readonly string[]> {
  const pods = [...(await listPods(mesh, 'istio-system')), ...(await listPods(mesh, mesh.namespace))];
  return pods
    .flatMap(({ metadata, status }) =>
      [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map(
        ({ name, restartCount }) => `${metadata.namespace}/${metadata.name} ${metadata.uid} ${name} ${restartCount}`,
      ),
    )
    .sort();
}

/** Process ids, in this machine's numbering, of one program in a container, by its file name. */
export async function findInContainer(pod: RunningPod, container: string, program: string): Promise<readonly number[]> {
  const id = readContainer(pod, container)?.containerID?.replace(/^.*:\/\//, '');
  if (id === undefined) return [];
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    if (!(await readProcess(entry, 'cgroup')).includes(id)) continue;
    const [path = ''] = (await readProcess(entry, 'cmdline')).split('\0');
    if (basename(path) === program) found.push(Number(entry));
  }
  return found;
}

/** Sends a signal to one program of a container, which must be running there. */
export async function signalContainer(
  pod: RunningPod,
  container: string,
  program: string,
  signal: NodeJS.Signals,
): Promise<void> {
  const pids = await findInContainer(pod, container, program);
  if (pids.length === 0) throw new Error(`no ${program} runs in ${pod.metadata.name}/${container}`);
  for (const pid of pids) process.kill(pid, signal);
}

async function readProcess(pid: string, file: 'cgroup' | 'cmdline'): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Gone meanwhile.
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}
