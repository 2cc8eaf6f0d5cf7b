/**
 * Builds our images and loads them into a local cluster, or writes them as OCI archives.
 * Usage: node hack/images/cli.ts load [CLUSTER] [--mesh|--samples] | save FOLDER
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LateenError } from '#runtime/core/index.ts';
import { readLayout } from '../cluster/index.ts';
import { ensure, exitWithReason, type Progress } from '../setup/index.ts';
import { defaultMeshImages, loadImages, meshImages, sampleImages, saveImages } from './index.ts';

const progress: Progress = (message) => process.stdout.write(`${message}\n`);

async function run(words: readonly string[]): Promise<void> {
  const [verb, operand] = words.filter((word) => !word.startsWith('--'));
  const only = words.find((word) => word.startsWith('--'));
  await ensure(['descriptors', 'cluster']);
  const images = [
    ...(only === '--samples' ? [] : await meshImages(defaultMeshImages, progress)),
    ...(only === '--mesh' ? [] : await sampleImages(progress)),
  ];
  if (verb === 'load') {
    const name = operand ?? 'demo';
    const layout = await readLayout(name);
    if (!layout) throw new LateenError('not-found', `there is no cluster ${name}: node hack/cluster/cli.ts up ${name}`);
    await loadImages(layout, images, progress);
  } else if (verb === 'save' && operand !== undefined) {
    await mkdir(operand, { recursive: true });
    for (const image of images) {
      const file = join(operand, `${image.names[0]?.split('/').at(-1)?.split(':')[0]}.tar`);
      progress(`writing ${file}`);
      await saveImages([image], file);
    }
  } else {
    throw new LateenError('invalid', 'usage: node hack/images/cli.ts load [CLUSTER] [--mesh|--samples] | save FOLDER');
  }
}

await run(process.argv.slice(2)).catch(exitWithReason);
