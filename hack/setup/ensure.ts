import { join } from 'node:path';
import { LateenError } from '#runtime/core/index.ts';
import { runCommand } from './command.ts';
import { installDebianPackages } from './debian.ts';
import { envoyBinary } from './envoy.ts';
import { coreDnsBinary, kubeBinary } from './kube.ts';
import { checkPrerequisites } from './prerequisites.ts';
import { proxiesBinary } from './proxies.ts';
import { runSteps, type Step } from './steps.ts';

/** What a command of ours may need to be there before it starts. */
export type Need = 'descriptors' | 'envoy' | 'apiserver' | 'cluster' | 'proxies';

const envoy: Step = {
  title: 'stock Envoy',
  run: async (progress, signal) => {
    await envoyBinary(progress, signal);
  },
};

const kubernetes: Step = {
  title: 'Kubernetes (several minutes the first time)',
  run: async (progress, signal) => {
    await kubeBinary(progress, signal);
  },
};

const dns: Step = {
  title: 'CoreDNS',
  run: async (progress, signal) => {
    await coreDnsBinary(progress, signal);
  },
};

const proxies: Step = {
  title: 'simulated proxies',
  run: async (progress, signal) => {
    await proxiesBinary(progress, signal);
  },
};

const packages: Step = { title: 'Debian packages', run: installDebianPackages };

const descriptors: Step = {
  title: 'Envoy API descriptors',
  run: async (progress, signal) => {
    const script = join(import.meta.dirname, '../descriptors/index.ts');
    await runCommand(process.execPath, [script], { onLine: progress, ...(signal ? { signal } : {}) });
  },
};

const stepsFor: Readonly<Record<Need, readonly Step[]>> = {
  descriptors: [descriptors],
  // Tests of Envoy make network namespaces and redirect traffic in them.
  envoy: [packages, envoy],
  apiserver: [kubernetes],
  cluster: [packages, envoy, kubernetes, dns],
  proxies: [proxies],
};

/** Makes everything named available; quick when it already is. Throws LateenError with one line saying what to do. */
export async function ensure(needs: readonly Need[], signal?: AbortSignal): Promise<void> {
  await checkPrerequisites(needs);
  const steps = new Set(needs.flatMap((need) => stepsFor[need]));
  await runSteps([...steps], { concurrent: true, ...(signal ? { signal } : {}) });
}

/** Ends the process with one line about what went wrong, or with everything when it is a bug. */
export function exitWithReason(thrown: unknown): never {
  const known = thrown instanceof LateenError && thrown.code !== 'internal';
  process.stderr.write(`lateen: ${known ? thrown.message : thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
  process.exit(1);
}
