/** What a process and its descendants cost, as the kernel counts it. */
import { readdir, readFile, writeFile } from 'node:fs/promises';

export interface ProcessCost {
  /** Milliseconds of processor time since the start, to the nanosecond, of the threads that are there. */
  readonly processor: number;
  /** Bytes in memory now, and at most since the start or the last `resetPeak`. */
  readonly rss: number;
  readonly peak: number;
}

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
  const [processor, status] = await Promise.all([readProcessor(pid), readFile(`/proc/${pid}/status`, 'utf8')]);
  const bytes = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { processor, rss: bytes('VmRSS'), peak: bytes('VmHWM') };
}

/** By thread: what there is for a process as a whole counts in ticks of ten milliseconds. proc(5): `schedstat`. */
async function readProcessor(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const spent = await Promise.all(
    threads.map(async (thread) => {
      // One that has ended meanwhile has none.
      const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0');
      return Number(text.split(' ')[0]) / 1e6;
    }),
  );
  return spent.reduce((sum, one) => sum + one, 0);
}

async function readTree(pid: number): Promise<readonly number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'))
    .split(' ')
    .filter((word) => word !== '');
  return [pid, ...(await Promise.all(children.map((child) => readTree(Number(child))))).flat()];
}
