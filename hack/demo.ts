/**
 * From a fresh clone to a mesh with traffic in it, and what happened to show for it. Repeating it is quick and harmless.
 * Usage: npm run demo [-- CLUSTER]
 */
import { LateenError } from '#runtime/core/index.ts';
import { readResources, renderPeers, renderShares, renderUsage } from './demo/report.ts';
import { demoCluster, runDemo } from './demo/run.ts';
import { exitWithReason } from './setup/index.ts';

const controller = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () =>
    controller.abort(new LateenError('aborted', `stopped by ${name}; npm run demo:down cleans up`)),
  );
}

async function show(): Promise<void> {
  const { layout, url, shares, peers } = await runDemo(process.argv[2] ?? demoCluster, controller.signal);
  process.stdout.write(`
How the traffic was split, against the weights of the VirtualService:
${renderShares(shares)}

Who spoke to whom, and how secured (the servers' own count):
${renderPeers(peers)}

${await readResources(layout)}
${renderUsage(layout, url)}
`);
}

await show().catch(exitWithReason);
