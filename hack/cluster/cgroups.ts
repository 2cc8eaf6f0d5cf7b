import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '#runtime/core/index.ts';

/** Mount points of every cgroup hierarchy: one per controller in version 1, one in version 2, both on hybrid machines. */
async function hierarchies(): Promise<{ path: string; version: 1 | 2 }[]> {
  const lines = (await readFile('/proc/self/mounts', 'utf8')).trim().split('\n');
  return lines.flatMap((line): { path: string; version: 1 | 2 }[] => {
    const [, path = '', type] = line.split(' ');
    if (type === 'cgroup') return [{ path, version: 1 }];
    return type === 'cgroup2' ? [{ path, version: 2 }] : [];
  });
}

/**
 * Makes the cluster's own cgroup in every hierarchy. Kubelets that share one kill each other's pods.
 */
export async function createCgroups(cgroup: string): Promise<void> {
  for (const { path, version } of await hierarchies()) {
    const own = join(path, cgroup);
    await mkdir(own, { recursive: true });
    if (version === 2) await delegateControllers(path, own);
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      // A new version 1 cpuset is empty and takes no process until it has processors and memory.
      if (version === 1 && existsSync(join(own, file))) {
        await writeFile(join(own, file), await readFile(join(path, file), 'utf8'));
      }
    }
  }
}

async function delegateControllers(root: string, own: string): Promise<void> {
  const controllers = (await readFile(join(root, 'cgroup.controllers'), 'utf8')).trim().split(' ').filter(Boolean);
  const enabled = controllers.map((name) => `+${name}`).join(' ');
  if (enabled === '') return;
  await writeFile(join(root, 'cgroup.subtree_control'), enabled);
  await writeFile(join(own, 'cgroup.subtree_control'), enabled);
}

/** Kills everything in the cluster's cgroups (its containers), then removes them. */
export async function removeCgroups(cgroup: string): Promise<void> {
  for (const { path } of await hierarchies()) {
    const own = join(path, cgroup);
    if (!existsSync(own)) continue;
    for (const directory of await innermostFirst(own)) await emptyAndRemove(directory);
  }
}

async function innermostFirst(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const below: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) below.push(...(await innermostFirst(join(directory, entry.name))));
  }
  return [...below, directory];
}

async function emptyAndRemove(directory: string): Promise<void> {
  for (;;) {
    const pids = (await readFile(join(directory, 'cgroup.procs'), 'utf8')).split('\n').filter(Boolean).map(Number);
    for (const pid of pids) killIfAlive(pid);
    try {
      await rmdir(directory);
      return;
    } catch (error) {
      // Busy until the kernel has buried the last process.
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      await systemClock.sleep(20);
    }
  }
}

function killIfAlive(pid: number): void {
  // 0: a process of another PID namespace, never seen from the outermost one.
  if (pid === 0) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
