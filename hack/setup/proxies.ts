import { join } from 'node:path';
import { goBinary, type Progress } from './kube.ts';

/** Path of the simulated proxies that benchmarks and tests load a control plane with. */
export function proxiesBinary(progress: Progress, signal?: AbortSignal): Promise<string> {
  const source = join(import.meta.dirname, '../../test/bench/scale/proxies');
  return goBinary({ name: 'proxies', source, progress, ...(signal === undefined ? {} : { signal }) });
}
