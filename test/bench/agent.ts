/** Memory of an idle agent with its Envoy running, next to an empty Node process on the same machine. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildAgentBundle } from '#test/support/bundle.ts';
import { buildEchoListener } from '#test/support/echolistener.ts';
import { type ProcessMemory, readMemory } from '#test/support/memory.ts';
import type { Benchmark, Measurement } from './measurement.ts';
import { withAgent } from './running-agent.ts';

/** Idling with a readiness probe each second, one scrape behind it. */
const idleSeconds = 8;
const runs = 3;

export const agentMemory: Benchmark = {
  name: 'agent',
  describes: 'memory of an idle agent, its Envoy not counted',
  async run(signal) {
    // A second process holds the binary's pages, as another pod on the node would.
    const empty = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1e6)'], { stdio: 'ignore' });
    const samples: ProcessMemory[] = [];
    try {
      while (samples.length < runs && !signal.aborted) samples.push(await measure(signal));
      const emptyNode = await readMemory(empty.pid ?? 0);
      return [
        describe(
          'agent RSS',
          samples.map((sample) => sample.rss),
          60,
        ),
        describe(
          'agent private',
          samples.map((sample) => sample.private),
          16,
        ),
        describe('empty Node RSS', [emptyNode.rss]),
        describe('empty Node private', [emptyNode.private]),
      ];
    } finally {
      empty.kill();
    }
  },
};

function describe(figure: string, bytes: readonly number[], atMost?: number): Measurement {
  const samples = bytes.map((value) => value / 2 ** 20);
  return { figure, unit: 'MB', samples, ...(atMost === undefined ? {} : { atMost }) };
}

async function measure(signal: AbortSignal): Promise<ProcessMemory> {
  const folder = await mkdtemp(join(tmpdir(), 'lateen-bench-agent-'));
  const resources = { 'envoy.config.listener.v3.Listener': [await buildEchoListener()] };
  try {
    const program = (await buildAgentBundle(folder)).path;
    return await withAgent({ program, resources }, async (agent) => {
      await (await agent.get(agent.ports.status, '/stats/prometheus')).text();
      for (let second = 0; second < idleSeconds; second++) {
        await agent.readiness();
        await sleep(1000, undefined, { signal });
      }
      return readMemory(agent.pid);
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
