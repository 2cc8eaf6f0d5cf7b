import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { LateenError } from '#runtime/core/index.ts';
import { withLock } from '../setup/lock.ts';
import { type ClusterLayout, linkIndexes, maximumClusters, resolveLayout, stateRoot } from './layout.ts';

interface ClusterRecord {
  readonly index: number;
  readonly dualStack: boolean;
}

const recordName = 'cluster.json';

/** The layout of a cluster that was started here and not yet removed, or undefined. */
export async function readLayout(name: string): Promise<ClusterLayout | undefined> {
  const path = join(stateRoot, name, recordName);
  if (!existsSync(path)) return undefined;
  const record = JSON.parse(await readFile(path, 'utf8')) as ClusterRecord;
  return resolveLayout(name, record.index, record.dualStack);
}

/**
 * Reserves a number for a cluster and writes it down, before anything else of the cluster exists: what is made
 * afterwards can be found and removed from the record alone.
 */
export async function recordLayout(name: string): Promise<ClusterLayout> {
  if (!/^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$/.test(name)) {
    throw new LateenError('invalid', `cluster name ${name}: use at most 20 lower-case letters, digits and dashes`);
  }
  await mkdir(stateRoot, { recursive: true, mode: 0o711 });
  return withLock(join(stateRoot, '.lock'), async () => {
    const known = await readLayout(name);
    if (known) return known;
    const taken = new Set((await listLayouts()).map((layout) => layout.index));
    const busy = linkIndexes(
      Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []),
    );
    const index = Array.from({ length: maximumClusters }, (_, candidate) => candidate).find(
      (candidate) => !taken.has(candidate) && !busy.has(candidate),
    );
    if (index === undefined) throw new LateenError('unavailable', `all ${maximumClusters} cluster numbers are taken`);
    const record: ClusterRecord = { index, dualStack: existsSync('/proc/sys/net/ipv6') };
    await mkdir(join(stateRoot, name), { recursive: true, mode: 0o711 });
    await writeFile(join(stateRoot, name, recordName), JSON.stringify(record));
    return resolveLayout(name, record.index, record.dualStack);
  });
}

/** Every cluster on this machine that has a record. */
export async function listLayouts(): Promise<ClusterLayout[]> {
  if (!existsSync(stateRoot)) return [];
  const layouts: ClusterLayout[] = [];
  for (const name of await readdir(stateRoot)) {
    const layout = await readLayout(name);
    if (layout) layouts.push(layout);
  }
  return layouts;
}

/** Removes a cluster's folder, and the folder of all clusters with the last one. Nothing may be mounted below it. */
export async function removeRecord(layout: ClusterLayout): Promise<void> {
  await rm(layout.directory, { recursive: true, force: true });
  if ((await readdir(stateRoot)).every((name) => name === '.lock')) {
    await rm(join(stateRoot, '.lock'), { force: true });
    await rmdir(stateRoot);
  }
}
