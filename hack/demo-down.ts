/**
 * Removes what the demonstration made: processes, containers, namespaces, mounts, cgroups, links, files.
 * What was installed or built stays (the cache; see LATEEN_CACHE), so that the next start is quick.
 * Usage: npm run demo:down [-- CLUSTER]
 */
import { LateenError } from '#runtime/core/index.ts';
import { stopCluster } from './cluster/index.ts';
import { demoCluster } from './demo/run.ts';
import { exitWithReason } from './setup/index.ts';

async function remove(): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new LateenError('invalid', 'the demonstration was made by root: run this as root (sudo)');
  const removed = await stopCluster(process.argv[2] ?? demoCluster);
  process.stdout.write(removed ? 'The demonstration is removed.\n' : 'There is nothing to remove.\n');
}

await remove().catch(exitWithReason);
