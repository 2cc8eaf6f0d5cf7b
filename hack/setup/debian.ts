import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { LateenError } from '#runtime/core/index.ts';
import { runCommand } from './command.ts';
import type { Progress } from './kube.ts';

/**
 * What the local cluster runs on, by the program it is needed for. A program that is already there is used, whoever
 * installed it: Debian's containerd would replace Docker's.
 */
const packages: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  iptables: 'iptables',
  ip6tables: 'iptables',
  ip: 'iproute2',
  conntrack: 'conntrack',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mmdebstrap: 'mmdebstrap',
  '/usr/lib/cni/bridge': 'containernetworking-plugins',
  '/usr/lib/cni/host-local': 'containernetworking-plugins',
};

const programFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Installs the Debian packages whose programs are missing. */
export async function installDebianPackages(progress: Progress, signal?: AbortSignal): Promise<void> {
  const missing = await missingPackages();
  if (missing.length === 0) return;
  const asked = missing.join(' ');
  if (process.getuid?.() !== 0) {
    throw new LateenError(
      'invalid',
      `not root, and Debian packages are missing: run as root, or apt-get install ${asked}`,
    );
  }
  if (!(await findProgram('apt-get'))) {
    throw new LateenError('invalid', `this is no Debian: install what provides ${asked} by its own means`);
  }
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive' }, onLine: progress, ...(signal ? { signal } : {}) };
  const install = ['install', '--yes', '--no-install-recommends', ...missing];
  progress(`apt-get update, for ${asked}`);
  await runCommand('apt-get', ['update', '--quiet'], options);
  await runCommand('apt-get', install, options);
}

async function missingPackages(): Promise<string[]> {
  const missing = new Set<string>();
  for (const [program, name] of Object.entries(packages)) {
    if (!(await findProgram(program))) missing.add(name);
  }
  return [...missing].sort();
}

/** Path of a program (a name, or a path of its own), or undefined. */
export async function findProgram(program: string): Promise<string | undefined> {
  const candidates = program.startsWith('/') ? [program] : programFolders.map((folder) => join(folder, program));
  for (const candidate of candidates) {
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOTDIR') return false;
    throw error;
  }
}
