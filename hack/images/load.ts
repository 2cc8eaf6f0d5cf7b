import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LateenError } from '#runtime/core/index.ts';
import { runCtr } from '../cluster/containerd.ts';
import type { ClusterLayout } from '../cluster/layout.ts';
import { enterNamespaces } from '../cluster/namespaces.ts';
import type { Progress } from '../setup/kube.ts';
import { type Image, imageDigest, planArchive } from './oci.ts';
import { renderTar } from './tar.ts';

/**
 * Loads images into a cluster; those that it already has under the same digest are left out. Gives the names of the loaded
 * ones.
 */
export async function loadImages(
  layout: ClusterLayout,
  images: readonly Image[],
  progress: Progress,
): Promise<string[]> {
  const known = new Set<string>();
  for (const line of (await runCtr(layout, ['images', 'list'])).split('\n').slice(1)) {
    const [name, , digest] = line.split(/\s+/);
    known.add(`${name} ${digest}`);
  }
  const missing = images.filter((image) => image.names.some((name) => !known.has(`${name} ${imageDigest(image)}`)));
  if (missing.length === 0) return [];
  const names = missing.flatMap((image) => image.names);
  progress(`loading ${names.join(', ')}`);
  const command = [
    'ctr',
    '--address',
    '/run/containerd/containerd.sock',
    '--namespace',
    'k8s.io',
    'images',
    'import',
    '-',
  ];
  const [program = '', ...parameters] = enterNamespaces(layout, command);
  const child = spawn(program, parameters, { stdio: ['pipe', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const ended = once(child, 'close');
  try {
    await pipeline(Readable.from(renderTar(planArchive(missing))), child.stdin);
  } catch (error) {
    // ctr has gone away; what it said is the reason, and follows.
    complaint += error instanceof Error ? error.message : String(error);
  }
  const [code] = await ended;
  if (code !== 0) throw new LateenError('internal', `ctr images import: exit code ${code}: ${complaint}`);
  return names;
}

/** Writes images as one OCI archive, which `ctr images import`, `podman load` and `skopeo copy oci-archive:` take. */
export async function saveImages(images: readonly Image[], path: string): Promise<void> {
  await pipeline(Readable.from(renderTar(planArchive(images))), createWriteStream(path));
}
