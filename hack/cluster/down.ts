import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LateenError } from '#runtime/core/index.ts';
import { withLock } from '../setup/lock.ts';
import { removeCgroups } from './cgroups.ts';
import { findProcesses, killDaemons } from './daemons.ts';
import { type ClusterLayout, stateRoot } from './layout.ts';
import { mountsBelow, removeNamespaces } from './namespaces.ts';
import { disconnectNetwork } from './network.ts';
import { readLayout, removeRecord } from './record.ts';

/**
 * Removes a cluster and everything that was made for it, however far its start came. Gives false when there was none.
 */
export async function stopCluster(name: string): Promise<boolean> {
  const layout = await readLayout(name);
  if (!layout) return false;
  const lock = join(stateRoot, `${name}.lock`);
  await withLock(lock, () => removeCluster(layout));
  await rm(lock, { force: true });
  await removeRecord(layout);
  return true;
}

async function removeCluster(layout: ClusterLayout): Promise<void> {
  // The programs first, so that nothing starts a container again; then the containers.
  await killDaemons(layout);
  await removeCgroups(layout.cgroup);
  await removeNamespaces(layout);
  await disconnectNetwork(layout);
  const left = [...(await findProcesses(layout)).map(String), ...(await mountsBelow(layout.directory))];
  if (left.length > 0) throw new LateenError('internal', `cluster ${layout.name}: still there: ${left.join(', ')}`);
}
