/** The control plane as the image has it: in one bundle, without Node's own reading of TypeScript. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleProgram } from '#hack/images/bundle.ts';
import { lateenProgram } from '#hack/images/mesh-plan.ts';

const root = join(import.meta.dirname, '../..');

/** Writes it to a folder that exists, and returns the path of what Node is to run. */
export async function writeBundle(folder: string): Promise<string> {
  await mkdir(join(folder, 'generated'), { recursive: true });
  await cp(join(root, 'wire/generated/envoy.binpb'), join(folder, 'generated/envoy.binpb'));
  for (const [name, content] of await bundleProgram(lateenProgram)) await writeFile(join(folder, name), content);
  return join(folder, 'lateen.mjs');
}
