import { readFile } from 'node:fs/promises';

/** Bytes, from the kernel's own sum over all mappings. */
export interface ProcessMemory {
  readonly rss: number;
  /** What would be free again if this process ended: shared with no other. */
  readonly private: number;
}

export async function readMemory(pid: number): Promise<ProcessMemory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string) =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { rss: field('Rss'), private: field('Private_Clean') + field('Private_Dirty') };
}
