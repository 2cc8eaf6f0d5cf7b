import { join } from 'node:path';
import type { Progress } from '../setup/kube.ts';
import { programLayer } from './bundle.ts';
import { nodeLayer } from './mesh-images.ts';
import type { Image } from './oci.ts';
import { rootFileSystem } from './root-file-system.ts';

const root = join(import.meta.dirname, '../..');

/** Bookinfo's four services are one image: the container's argument says which of them it is. */
export async function sampleImages(progress: Progress, signal?: AbortSignal): Promise<Image[]> {
  const base = await rootFileSystem(progress, signal);
  const entry = join(root, 'config/samples/bookinfo/src/main.ts');
  const program = await programLayer({ name: 'bookinfo', entry, format: 'modules' }, signal);
  return [
    {
      names: ['localhost/lateen/bookinfo:1'],
      layers: [base, await nodeLayer(signal), program],
      entrypoint: ['/usr/local/bin/bookinfo'],
      // Not the proxy's user, whose traffic is not redirected.
      user: '1000:1000',
    },
  ];
}
