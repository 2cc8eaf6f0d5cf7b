import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock } from '#runtime/core/index.ts';
import type { ClusterLayout } from './layout.ts';
import { enterNamespaces } from './namespaces.ts';

/** The long-running programs of a cluster. */
export type ComponentName =
  | 'containerd'
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-proxy'
  | 'kube-scheduler'
  | 'kubelet'
  | 'load-balancer';

// Every process of a cluster carries its mark in its environment, which children inherit: so each is found without a
// list that could miss one (killed between start and note) or name another (a process id that is used again).
const clusterMark = 'LATEEN_CLUSTER';
const componentMark = 'LATEEN_COMPONENT';

/** Starts a program inside the cluster's namespaces, apart from this process; its output goes to a log file. */
export async function startDaemon(
  layout: ClusterLayout,
  name: ComponentName,
  command: readonly string[],
): Promise<void> {
  if ((await findProcesses(layout, name)).length > 0) return;
  const [program = '', ...parameters] = enterNamespaces(layout, command);
  const path = daemonLog(layout, name);
  await mkdir(dirname(path), { recursive: true });
  const log = openSync(path, 'a');
  const child = spawn(program, parameters, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH, HOME: '/root', [clusterMark]: layout.directory, [componentMark]: name },
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  child.unref();
}

export function daemonLog(layout: ClusterLayout, name: ComponentName): string {
  return join(layout.directory, 'logs', `${name}.log`);
}

/** Kills one component (SIGKILL), or with no name all of them, their children too, and waits until they are gone. */
export async function killDaemons(layout: ClusterLayout, name?: ComponentName): Promise<void> {
  for (;;) {
    const pids = await findProcesses(layout, name);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
    await systemClock.sleep(20);
  }
}

/** Process ids that carry the cluster's mark (and the component's). Containers don't: containerd's shims do. */
export async function findProcesses(layout: ClusterLayout, name?: ComponentName): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const environment = await readEnvironment(pid);
    if (!environment.includes(`${clusterMark}=${layout.directory}`)) continue;
    if (name === undefined || environment.includes(`${componentMark}=${name}`)) found.push(pid);
  }
  return found;
}

async function readEnvironment(pid: number): Promise<string[]> {
  try {
    return (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Gone meanwhile, or not ours to read.
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return [];
    throw error;
  }
}
