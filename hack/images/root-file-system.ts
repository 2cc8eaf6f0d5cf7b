import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contentHash } from '../setup/cache.ts';
import { runCommand } from '../setup/command.ts';
import type { Progress } from '../setup/kube.ts';
import { cachedLayer, type Layer } from './layer.ts';

const release = 'bookworm';

/** What Node.js, Envoy and the redirection of traffic need, and what a person inside a pod would miss. */
const packages = [
  'base-files',
  'base-passwd',
  'bash',
  'coreutils',
  'curl',
  'dash',
  'findutils',
  'grep',
  'iproute2',
  'iptables',
  'libc-bin',
  'libstdc++6',
  'netbase',
  'procps',
  'sed',
];

/** The proxy's user and group: traffic of this id is not redirected. */
export const proxyUser = 1337;

/**
 * Packages are only unpacked, not installed, so that no program of the new root has to run; what their installation
 * scripts would have done is done here. $1 is the new root.
 */
const finish = `#!/bin/sh
set -eu
cd "$1"
rm -rf usr/share/doc usr/share/man usr/share/info usr/share/locale usr/share/i18n usr/share/bash-completion \\
  usr/share/zoneinfo usr/share/perl usr/share/perl5 usr/lib/*/gconv usr/lib/*/perl-base usr/bin/perl* \\
  var/lib/apt/lists var/cache/apt var/lib/dpkg/info
cp usr/share/base-passwd/passwd.master etc/passwd
cp usr/share/base-passwd/group.master etc/group
echo 'istio-proxy:x:${proxyUser}:${proxyUser}:istio-proxy:/var/lib/istio:/usr/sbin/nologin' >> etc/passwd
echo 'istio-proxy:x:${proxyUser}:' >> etc/group
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
  ln -sf xtables-nft-multi "usr/sbin/$name"
done
mkdir -p etc/ssl/certs
`;

/** The base of all images that hold more than one program: a small Debian. */
export function rootFileSystem(progress: Progress, signal?: AbortSignal): Promise<Layer> {
  return cachedLayer(
    'rootfs',
    contentHash('rootfs', release, finish, ...packages),
    async (path) => {
      progress(`fetching Debian packages (${release})`);
      const directory = await mkdtemp(join(tmpdir(), 'lateen-rootfs-'));
      try {
        const hook = join(directory, 'finish');
        await writeFile(hook, finish);
        await chmod(hook, 0o755);
        await runCommand(
          'mmdebstrap',
          [
            '--quiet',
            '--variant=extract',
            '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr',
            `--extract-hook=${hook}`,
            `--include=${packages.join(',')}`,
            release,
            path,
          ],
          // A fixed time stamp for what the hooks make.
          { env: { SOURCE_DATE_EPOCH: '0' }, ...(signal ? { signal } : {}) },
        );
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
    signal,
  );
}
