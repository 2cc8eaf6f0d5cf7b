/** Runs in the network namespace of the peer: everything there is but the pod, to which `index.ts` gave a cable. */
import { NetworkPair } from '#test/support/netns.ts';
import { checkAll } from './cases.ts';
import { createReport } from './report.ts';
import { InteropWorld } from './world.ts';

const [suffix = '', agent = '', bootstrap = '', istioctl] = process.argv.slice(2);
const report = createReport((line) => process.stdout.write(`${line}\n`));
const world = await InteropWorld.start(NetworkPair.named(suffix), { agent, bootstrap, istioctl });
process.once('SIGTERM', () => world.stop().finally(() => process.exit(1)));
try {
  await checkAll(world, report);
} finally {
  await world.stop();
}
process.exitCode = report.failed === 0 ? 0 : 1;
