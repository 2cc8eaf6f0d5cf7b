import { join } from 'node:path';
import { cached, contentHash, directoryHash } from './cache.ts';
import { runCommand } from './command.ts';

/** Told what a long step is doing right now. */
export type Progress = (message: string) => void;

const kubernetesVersion = { major: '1', minor: '36', patch: '3' };
const hack = join(import.meta.dirname, '..');

/** The programs inside the one Kubernetes executable; each is called as `kube PROGRAM ARGUMENT...`. */
export type KubeProgram =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kube-proxy'
  | 'kubelet'
  | 'kubectl';

/** Path of the Kubernetes executable, built from its Go modules if the cache lacks it (minutes on a small machine). */
export async function kubeBinary(progress: Progress, signal?: AbortSignal): Promise<string> {
  const { major, minor, patch } = kubernetesVersion;
  const version = 'k8s.io/component-base/version';
  return goBinary({
    name: 'kube',
    source: join(hack, 'kube'),
    linkerFlags: [
      `-X ${version}.gitVersion=v${major}.${minor}.${patch}`,
      `-X ${version}.gitMajor=${major}`,
      `-X ${version}.gitMinor=${minor}`,
    ],
    progress,
    ...(signal ? { signal } : {}),
  });
}

/** Path of the cluster's DNS server. */
export function coreDnsBinary(progress: Progress, signal?: AbortSignal): Promise<string> {
  return goBinary({ name: 'coredns', source: join(hack, 'coredns'), progress, ...(signal ? { signal } : {}) });
}

export interface GoBuild {
  readonly name: string;
  /** Folder of a Go module (go.mod, go.sum, main.go). */
  readonly source: string;
  readonly linkerFlags?: readonly string[];
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Builds a static Go program into the cache, keyed by its sources and the compiler's version. */
export async function goBinary(build: GoBuild): Promise<string> {
  const abort = build.signal ? { signal: build.signal } : {};
  const options = { cwd: build.source, env: { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' }, ...abort };
  const goVersion = await runCommand('go', ['env', 'GOVERSION'], options);
  const flags = ['-s', '-w', ...(build.linkerFlags ?? [])].join(' ');
  const directory = await cached({
    kind: build.name,
    key: contentHash(goVersion.trim(), flags, await directoryHash(build.source)),
    ...abort,
    produce: async (target) => {
      build.progress('fetching Go modules');
      const packages = (await runCommand('go', ['list', '-deps', '.'], options)).trim().split('\n').length;
      let compiled = 0;
      await runCommand('go', ['build', '-v', '-trimpath', '-ldflags', flags, '-o', join(target, build.name), '.'], {
        ...options,
        // With -v the compiler names every package it compiles; those in Go's own cache are not named.
        onLine: () => {
          compiled += 1;
          if (compiled % 50 === 0) build.progress(`compiled ${compiled} of at most ${packages} packages`);
        },
      });
    },
  });
  return join(directory, build.name);
}
