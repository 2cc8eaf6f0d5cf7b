/** The control plane as the image ships it, as a process of its own, watched from inside and outside. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lateenNodeFlags } from '#hack/images/mesh-plan.ts';
import { freePorts } from '#test/support/apiserver.ts';
import { endChild } from '#test/support/child.ts';
import { untilReady } from '#test/support/istiod.ts';
import { writeBundle } from '../bundled.ts';
import type { Observation } from './observer.ts';

export interface LargeServer {
  /** Of plaintext xDS. */
  readonly plainPort: number;
  /** What was seen since the last call, or since the start. */
  observe(): Promise<Observation>;
  /** Highest and present resident memory, in bytes. */
  memory(): Promise<{ readonly peak: number; readonly now: number }>;
  /** A gauge of its metrics. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

/** Resolves when the first lists are in its graph. */
export async function startServer(kubeconfig: string, signal: AbortSignal): Promise<LargeServer> {
  const folder = await mkdtemp(join(tmpdir(), 'lateen-large-'));
  const program = await writeBundle(folder);
  const [plainPort = 0, secure = 0, monitoring = 0, https = 0, http = 0] = await freePorts(5);
  const child = fork(
    program,
    [
      'discovery',
      `--kubeconfig=${kubeconfig}`,
      `--grpc-addr=127.0.0.1:${plainPort}`,
      `--secure-grpc-addr=127.0.0.1:${secure}`,
      `--monitoring-addr=127.0.0.1:${monitoring}`,
      `--https-addr=127.0.0.1:${https}`,
      `--http-addr=127.0.0.1:${http}`,
      '--leader-election=false',
      '--log-level=warn',
    ],
    {
      execArgv: [...lateenNodeFlags, '--import', join(import.meta.dirname, 'observer.ts')],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    },
  );
  let said = '';
  child.stderr?.on('data', (text: Buffer) => {
    said += String(text);
  });
  const server: LargeServer = {
    plainPort,
    async observe() {
      child.send('observe');
      const [observation] = (await once(child, 'message', { signal })) as [Observation];
      return observation;
    },
    memory: () => readResident(child.pid),
    metric: async (name) => {
      const text = await (await fetch(`http://127.0.0.1:${monitoring}/metrics`, { signal })).text();
      const line = text.split('\n').find((one) => one.startsWith(`${name} `));
      return Number(line?.split(' ')[1] ?? Number.NaN);
    },
    async stop() {
      await endChild(child);
      await rm(folder, { recursive: true });
    },
  };
  try {
    await untilReady(child, http, () => said);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

async function readResident(pid: number | undefined): Promise<{ readonly peak: number; readonly now: number }> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { peak: field('VmHWM'), now: field('VmRSS') };
}
