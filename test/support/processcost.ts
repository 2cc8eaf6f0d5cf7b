/** What a process and its descendants cost, as the kernel counts it. */
import { readFile, writeFile } from 'node:fs/promises';

export interface ProcessCost {
  /** Milliseconds of processor time since the start, in steps of the kernel's clock tick (10 ms). */
  readonly processor: number;
  /** Bytes in memory now, and at most since the start or the last `resetPeak`. */
  readonly rss: number;
  readonly peak: number;
}

const millisecondsPerTick = 10;

export async function readCost(pid: number): Promise<ProcessCost> {
  const costs = await Promise.all((await readTree(pid)).map(readOne));
  const sum = (field: keyof ProcessCost) => costs.reduce((total, cost) => total + cost[field], 0);
  return { processor: sum('processor'), rss: sum('rss'), peak: sum('peak') };
}

/** Lets `peak` count from what is in memory now. */
export async function resetPeak(pid: number): Promise<void> {
  for (const each of await readTree(pid)) await writeFile(`/proc/${each}/clear_refs`, '5');
}

async function readOne(pid: number): Promise<ProcessCost> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ]);
  // The name in parentheses may hold anything; utime and stime are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const bytes = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return {
    processor: (Number(fields[11]) + Number(fields[12])) * millisecondsPerTick,
    rss: bytes('VmRSS'),
    peak: bytes('VmHWM'),
  };
}

async function readTree(pid: number): Promise<readonly number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'))
    .split(' ')
    .filter((word) => word !== '');
  return [pid, ...(await Promise.all(children.map((child) => readTree(Number(child))))).flat()];
}
