/**
 * Builds our images and loads them into a local cluster, or writes them as OCI archives.
 * Usage: node hack/images/cli.ts load [CLUSTER] [--mesh|--samples] | save FOLDER | layers FOLDER
 * `save` writes one archive per image, `layers` what hack/images/Containerfile adds.
 */
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LateenError } from '#runtime/core/index.ts';
import { readLayout } from '../cluster/index.ts';
import { ensure, exitWithReason, type Progress } from '../setup/index.ts';
import {
  defaultMeshImages,
  type Image,
  loadImages,
  meshImages,
  meshLayers,
  sampleImages,
  saveImages,
} from './index.ts';

const progress: Progress = (message) => process.stdout.write(`${message}\n`);

const usage = 'usage: node hack/images/cli.ts load [CLUSTER] [--mesh|--samples] | save FOLDER | layers FOLDER';

async function run(words: readonly string[]): Promise<void> {
  const [verb, operand] = words.filter((word) => !word.startsWith('--'));
  const only = words.find((word) => word.startsWith('--'));
  await ensure(['descriptors', 'cluster']);
  const images = async () => [
    ...(only === '--samples' ? [] : await meshImages(defaultMeshImages, progress)),
    ...(only === '--mesh' ? [] : await sampleImages(progress)),
  ];
  if (verb === 'load') await load(operand ?? 'demo', await images());
  else if (verb === 'save' && operand !== undefined) await save(operand, await images());
  else if (verb === 'layers' && operand !== undefined) await copyLayers(operand);
  else throw new LateenError('invalid', usage);
}

async function load(name: string, images: readonly Image[]): Promise<void> {
  const layout = await readLayout(name);
  if (!layout) throw new LateenError('not-found', `there is no cluster ${name}: node hack/cluster/cli.ts up ${name}`);
  await loadImages(layout, images, progress);
}

async function save(folder: string, images: readonly Image[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const image of images) {
    const file = join(folder, `${image.names[0]?.split('/').at(-1)?.split(':')[0]}.tar`);
    progress(`writing ${file}`);
    await saveImages([image], file);
  }
}

async function copyLayers(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { name, path } of Object.values(await meshLayers(progress))) {
    progress(`writing ${join(folder, name)}.tar`);
    await copyFile(path, join(folder, `${name}.tar`));
  }
}

await run(process.argv.slice(2)).catch(exitWithReason);
