/**
 * Figures, not tests: what the mesh costs and how fast it is, beside the bounds it is meant to hold.
 * Usage: npm run bench [-- NAME... OPTION...]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { arch, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { exitWithReason } from '#hack/setup/index.ts';
import { LateenError } from '#runtime/core/index.ts';
import { agentMemory } from './agent.ts';
import { parseArguments } from './arguments.ts';
import { changeCost } from './change-cost.ts';
import { dns } from './dns.ts';
import { hostile } from './hostile/index.ts';
import { install } from './install.ts';
import { large } from './large/index.ts';
import { type Benchmark, type Measurement, renderTable, summarize } from './measurement.ts';
import { memory } from './memory.ts';
import { podStart } from './pod-start.ts';
import { routeChange } from './route-change.ts';
import { scale } from './scale/index.ts';
import { openSetting, ownCluster } from './setting.ts';
import { waits } from './waits/index.ts';

const benchmarks: readonly Benchmark[] = [
  install,
  podStart,
  routeChange,
  memory,
  agentMemory,
  dns,
  scale,
  changeCost,
  large,
  hostile,
  waits,
];
const results = join(import.meta.dirname, 'results');

interface Result {
  readonly benchmark: string;
  readonly measurements: readonly Measurement[];
}

function renderHelp(): string {
  const list = benchmarks.map(({ name, describes }) => `  ${name.padEnd(14)}${describes}`).join('\n');
  return `Usage: npm run bench [-- NAME... OPTION...]

Benchmarks (default: all, in this order):
${list}

Options:
  --cluster NAME       use this cluster, which runs, instead of starting "${ownCluster}" and removing it afterwards;
                       benchmarks put Bookinfo into it and take its mesh away and back
  --keep               do not remove the cluster "${ownCluster}"
  -n, --repetitions N  repeat each figure this often instead of the benchmark's own number
  -h, --help

Options of "scale":
  --proxies N[,N...]   numbers of simulated proxies (100,500)
  --services N         (1,000)
  --namespaces N       (20)
  --tls                proxies come over mutual TLS, with certificates of the mesh
  --istiod PATH        measure this pilot-discovery of Istio's too, in alternating rounds
  --quick              one short round with the first number of proxies

The table goes to standard output, all samples as JSON to test/bench/results/. Nothing is asserted.
`;
}

async function run(words: readonly string[]): Promise<void> {
  const parsed = parseArguments(
    words,
    benchmarks.map(({ name }) => name),
  );
  if (parsed.help) {
    process.stdout.write(renderHelp());
    return;
  }
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new LateenError('aborted', `stopped by ${name}`)));
  }
  const { signal } = controller;
  const started = new Date();
  const chosen = parsed.names.length === 0 ? benchmarks : benchmarks.filter(({ name }) => parsed.names.includes(name));
  const done: Result[] = [];
  const setting = openSetting(parsed, (message) => process.stderr.write(`  ${message}\n`), signal);
  try {
    for (const { name, describes, run: measure } of chosen) {
      signal.throwIfAborted();
      process.stderr.write(`- ${name}: ${describes}\n`);
      done.push({ benchmark: name, measurements: await measure(signal, setting) });
    }
  } finally {
    // What was measured before a failure is worth showing, too.
    if (done.length > 0) await publish(started, done);
    await setting.close();
  }
}

async function publish(started: Date, done: readonly Result[]): Promise<void> {
  process.stdout.write(`\n${renderTable(done)}\n`);
  const machine = {
    processors: cpus().length,
    model: cpus()[0]?.model ?? '',
    architecture: arch(),
    memoryMegabytes: Math.round(totalmem() / 2 ** 20),
    loadAverage: loadavg(),
    node: process.version,
  };
  const figures = done.map(({ benchmark, measurements }) => ({
    benchmark,
    measurements: measurements.map((measurement) => ({ ...measurement, ...summarize(measurement.samples) })),
  }));
  await mkdir(results, { recursive: true });
  const path = join(results, `${started.toISOString()}.json`);
  await writeFile(path, `${JSON.stringify({ started: started.toISOString(), machine, results: figures }, null, 2)}\n`);
  process.stdout.write(`\n${path}\n`);
}

await run(process.argv.slice(2)).catch(exitWithReason);
