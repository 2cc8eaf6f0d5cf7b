/** Resident memory of every process of the idle demo mesh, read from outside its containers. */
import { readdir, readFile } from 'node:fs/promises';
import type { ClusterLayout } from '#hack/cluster/index.ts';
import { systemClock } from '#runtime/core/index.ts';
import { type ProcessMemory, readMemory } from '#test/support/memory.ts';
import type { Benchmark, Measurement } from './measurement.ts';

const idleSeconds = 30;

interface Program {
  readonly name: string;
  /** What the words of its command line begin with, the program's own path left out. */
  readonly isIt: (commandLine: readonly string[]) => boolean;
  readonly rssAtMost?: number;
  readonly privateAtMost?: number;
}

const holds = (file: string, verb: string) => (words: readonly string[]) =>
  words.some((word, index) => word.endsWith(`/${file}`) && words[index + 1] === verb);

const programs: readonly Program[] = [
  { name: 'istiod', isIt: holds('lateen.mjs', 'discovery'), rssAtMost: 180 },
  { name: 'operator', isIt: holds('lateen.mjs', 'operator'), rssAtMost: 190 },
  { name: 'agent', isIt: holds('pilot-agent.cjs', 'proxy'), rssAtMost: 60, privateAtMost: 16 },
  { name: 'Envoy', isIt: ([program]) => program === '/usr/local/bin/envoy' },
];

export const memory: Benchmark = {
  name: 'memory',
  describes: `istiod, operator, agents and Envoys of the demo mesh after ${idleSeconds} s of idling`,
  async run(signal, setting) {
    const { layout } = await setting.sample();
    setting.report(`idling for ${idleSeconds} s`);
    await systemClock.sleep(idleSeconds * 1000, signal);
    const found = await findPrograms(layout);
    const samples = new Map<string, ProcessMemory[]>();
    for (const { pid, program } of found) {
      samples.set(program, [...(samples.get(program) ?? []), await readMemory(pid)]);
    }
    return programs.flatMap((program) => describe(program, samples.get(program.name) ?? []));
  },
};

/** One sample per process. */
function describe(program: Program, processes: readonly ProcessMemory[]): readonly Measurement[] {
  const { name, rssAtMost, privateAtMost } = program;
  const figure = (kind: string, bytes: readonly number[], atMost: number | undefined): Measurement => ({
    figure: `${name} ${kind}`,
    unit: 'MB',
    samples: bytes.map((value) => value / 2 ** 20),
    ...(atMost === undefined ? {} : { atMost }),
  });
  const rss = processes.map((process) => process.rss);
  const own = processes.map((process) => process.private);
  return [figure('RSS', rss, rssAtMost), figure('private', own, privateAtMost)];
}

/** Processes in the cluster's containers: those whose control group lies below the cluster's. */
async function findPrograms(layout: ClusterLayout): Promise<{ pid: number; program: string }[]> {
  const found: { pid: number; program: string }[] = [];
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const groups = await readProcessFile(pid, 'cgroup');
    if (!groups.split('\n').some((line) => line.split(':')[2]?.startsWith(`${layout.cgroup}/`))) continue;
    const words = (await readProcessFile(pid, 'cmdline')).split('\0');
    const program = programs.find(({ isIt }) => isIt(words));
    if (program !== undefined) found.push({ pid, program: program.name });
  }
  return found;
}

/** Empty when the process has ended meanwhile. */
async function readProcessFile(pid: number, file: string): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}
