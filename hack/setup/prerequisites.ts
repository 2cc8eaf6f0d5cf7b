import { LateenError } from '#runtime/core/index.ts';
import { commandSucceeds } from './command.ts';
import { findProgram } from './debian.ts';
import type { Need } from './ensure.ts';

interface Prerequisite {
  readonly neededFor: readonly Need[];
  readonly holds: () => Promise<boolean>;
  /** One line: what is wrong and what to do. */
  readonly advice: string;
}

const prerequisites: readonly Prerequisite[] = [
  {
    neededFor: ['cluster'],
    holds: async () => process.platform === 'linux',
    advice: 'the local cluster needs Linux (Debian 12 or alike)',
  },
  {
    neededFor: ['cluster'],
    holds: async () => process.getuid?.() === 0,
    advice: 'the local cluster makes network namespaces and containers: run this as root (sudo)',
  },
  {
    neededFor: ['descriptors', 'apiserver', 'cluster', 'proxies'],
    holds: () => commandSucceeds('go', ['version']),
    advice: 'Go is missing: install Go 1.21 or newer and put it on PATH (https://go.dev/doc/install)',
  },
  {
    neededFor: ['envoy', 'cluster'],
    holds: () => commandSucceeds('python3', ['-m', 'pip', '--version']),
    advice: 'pip is missing: install Python 3 with pip (Debian: apt-get install python3-pip)',
  },
  {
    neededFor: ['apiserver', 'cluster', 'proxies'],
    holds: async () => (await findProgram('setpriv')) !== undefined && (await findProgram('flock')) !== undefined,
    advice: 'util-linux is missing: apt-get install util-linux',
  },
];

/** Throws LateenError('invalid') with all that is missing for these needs, before anything is touched. */
export async function checkPrerequisites(needs: readonly Need[]): Promise<void> {
  const missing: string[] = [];
  for (const { neededFor, holds, advice } of prerequisites) {
    if (neededFor.some((need) => needs.includes(need)) && !(await holds())) missing.push(advice);
  }
  if (missing.length > 0) throw new LateenError('invalid', missing.join('; '));
}
