import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { commandSucceeds, runCommand } from '../setup/command.ts';
import type { ClusterLayout } from './layout.ts';

/** Folder in which `ip netns` keeps network namespaces. */
const networkNamespaces = '/run/netns';

/**
 * Kernel settings that the kubelet would change for the whole machine, with the values it wants. Inside the cluster's
 * mount namespace plain files stand in their place, so it finds them right and the machine keeps its own.
 */
const kubeletSettings: Readonly<Record<string, string>> = {
  '/proc/sys/vm/overcommit_memory': '1',
  '/proc/sys/vm/panic_on_oom': '0',
  '/proc/sys/kernel/panic': '10',
  '/proc/sys/kernel/panic_on_oops': '1',
  '/proc/sys/kernel/keys/root_maxkeys': '1000000',
  '/proc/sys/kernel/keys/root_maxbytes': '25000000',
};

/** A command line that runs another one inside the cluster's namespaces. */
export function enterNamespaces(layout: ClusterLayout, command: readonly string[]): string[] {
  const network = join(networkNamespaces, layout.networkNamespace);
  return ['nsenter', `--net=${network}`, `--mount=${layout.mountNamespace}`, '--', ...command];
}

/** Makes the cluster's network and mount namespaces, unless they are there. */
export async function createNamespaces(layout: ClusterLayout): Promise<void> {
  if (!existsSync(join(networkNamespaces, layout.networkNamespace))) {
    await runCommand('ip', ['netns', 'add', layout.networkNamespace]);
  }
  if (!(await mountNamespaceExists(layout))) await createMountNamespace(layout);
}

/** Lets go of both namespaces; the kernel drops every mount and interface in them with the last process. */
export async function removeNamespaces(layout: ClusterLayout): Promise<void> {
  for (const path of await mountsBelow(layout.directory)) await runCommand('umount', ['--lazy', path]);
  if (existsSync(join(networkNamespaces, layout.networkNamespace))) {
    await runCommand('ip', ['netns', 'delete', layout.networkNamespace]);
  }
}

/** Mount points below a folder in this process's own mount namespace, innermost first. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).trim().split('\n');
  // Field 5 is the mount point (proc_pid_mountinfo(5)); our paths hold nothing that it would escape.
  const points = lines.map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point.startsWith(`${directory}/`)).reverse();
}

async function mountNamespaceExists(layout: ClusterLayout): Promise<boolean> {
  return existsSync(layout.mountNamespace) && commandSucceeds('nsenter', [`--mount=${layout.mountNamespace}`, 'true']);
}

async function createMountNamespace(layout: ClusterLayout): Promise<void> {
  const folder = dirname(layout.mountNamespace);
  await mkdir(folder, { recursive: true });
  if (!(await mountsBelow(layout.directory)).includes(folder)) {
    // A namespace can only be kept on a mount that does not spread into it.
    await runCommand('mount', ['--bind', folder, folder]);
    await runCommand('mount', ['--make-private', folder]);
  }
  await writeFile(layout.mountNamespace, '');
  const settings = join(layout.directory, 'settings');
  await mkdir(settings, { recursive: true });
  const script = ['set -e', 'mount --make-rshared /'];
  for (const [path, value] of Object.entries(kubeletSettings)) {
    if (!existsSync(path)) continue;
    const file = join(settings, path.slice(1).replaceAll('/', '-'));
    await writeFile(file, `${value}\n`);
    script.push(`mount --bind ${file} ${path}`);
  }
  for (const [inside, outside] of Object.entries(layout.privateFolders)) {
    await mkdir(outside, { recursive: true });
    script.push(`mount --bind ${outside} ${inside}`);
  }
  await runCommand('unshare', [
    `--mount=${layout.mountNamespace}`,
    '--propagation=private',
    'sh',
    '-c',
    script.join('\n'),
  ]);
}
