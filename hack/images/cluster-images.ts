import { join } from 'node:path';
import { pauseImage } from '../cluster/containerd.ts';
import { dnsImage } from '../cluster/dns.ts';
import { contentHash } from '../setup/cache.ts';
import { coreDnsBinary, goBinary, type Progress } from '../setup/kube.ts';
import { filesLayer } from './layer.ts';
import type { Image } from './oci.ts';

/** The images that the cluster itself runs on. */
export async function clusterImages(progress: Progress, signal?: AbortSignal): Promise<Image[]> {
  const source = join(import.meta.dirname, 'pause');
  const pause = await goBinary({ name: 'pause', source, progress, ...(signal ? { signal } : {}) });
  const dns = await coreDnsBinary(progress, signal);
  return [
    await singleProgram(pauseImage, 'pause', pause, signal),
    await singleProgram(dnsImage, 'coredns', dns, signal),
  ];
}

/** An image of one static program; its path in the cache names its content. */
async function singleProgram(name: string, program: string, source: string, signal?: AbortSignal): Promise<Image> {
  const layer = await filesLayer(
    program,
    contentHash('program', source),
    [{ type: 'copy', path: program, source }],
    signal,
  );
  return { names: [name], layers: [layer], entrypoint: [`/${program}`] };
}
