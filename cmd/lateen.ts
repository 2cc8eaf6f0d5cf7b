#!/usr/bin/env node
import { Command } from 'commander';
import { LateenError } from '#runtime/index.ts';
import { discoverySettings } from './discovery/settings.ts';
import { operatorSettings } from './operator/settings.ts';
import { declareFlags, resolveSettings } from './settings.ts';
import { version } from './version.ts';

/** Runs until SIGTERM or SIGINT; a second signal ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(1);
      controller.abort(new LateenError('aborted', `stopped by ${name}`));
    });
  }
  return controller.signal;
}

const program = new Command('lateen')
  .description("A service mesh control plane for stock Envoy that speaks Istio's APIs")
  .version(version);

// Each command loads its own part only: istiod never pays for what the operator needs.
declareFlags(
  program.command('discovery').description('run istiod: xDS, certificate authority, injection, validation, status'),
  discoverySettings,
).action(async (options: Record<string, string | boolean>) => {
  const settings = resolveSettings(discoverySettings, process.env, options);
  const { runDiscovery } = await import('./discovery/run.ts');
  await runDiscovery(settings, stopSignal());
});
declareFlags(
  program.command('operator').description('run the operator: IstioOperator into everything a mesh is made of'),
  operatorSettings,
).action(async (options: Record<string, string | boolean>) => {
  const settings = resolveSettings(operatorSettings, process.env, options);
  const { runOperator } = await import('./operator/run.ts');
  await runOperator(settings, stopSignal());
});
program
  .command('version')
  .description('print the version')
  .action(() => {
    process.stdout.write(`${version}\n`);
  });

try {
  await program.parseAsync();
} catch (thrown) {
  const error = LateenError.from(thrown);
  process.stderr.write(`lateen: ${error.code === 'internal' ? (error.stack ?? error.message) : error.message}\n`);
  process.exitCode = error.code === 'invalid' ? 2 : 1;
}
