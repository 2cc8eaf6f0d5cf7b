/** The real Envoy in tests: where its binary is, and whether it accepts a configuration. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrapDefaults, buildBootstrap } from '#envoy/bootstrap/index.ts';
import { envoyBinary } from '#hack/setup/envoy.ts';
import { encode, fromJson, type Message } from '#wire/index.ts';
import { requestOver } from './upstream.ts';

type Bootstrap = Message<'envoy.config.bootstrap.v3.Bootstrap'>;

/** A sidecar's own bootstrap, with resources that would come from the control plane standing in it. */
export function buildStaticBootstrap(resources: {
  readonly clusters: readonly Message<'envoy.config.cluster.v3.Cluster'>[];
  readonly listeners: readonly Message<'envoy.config.listener.v3.Listener'>[];
}): Bootstrap {
  const own = fromJson(
    'envoy.config.bootstrap.v3.Bootstrap',
    buildBootstrap({
      ...bootstrapDefaults,
      nodeId: 'sidecar~10.0.0.1~test.default~default.svc.cluster.local',
      cluster: 'test.default',
      metadata: {},
      locality: { region: '', zone: '', subzone: '' },
      discovery: { host: '127.0.0.1', port: 15012, serverName: 'istiod.istio-system.svc' },
      addressFamilies: ['ipv4'],
    }),
  );
  return {
    ...own,
    staticResources: {
      clusters: [...(own.staticResources?.clusters ?? []), ...resources.clusters],
      listeners: [...(own.staticResources?.listeners ?? []), ...resources.listeners],
    },
  };
}

/** What `envoy --mode validate` says: its complaints and deprecation warnings, line by line; empty when all is well. */
export async function validate(bootstrap: Bootstrap): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'lateen-validate-'));
  try {
    const file = join(folder, 'bootstrap.pb');
    await writeFile(file, encode('envoy.config.bootstrap.v3.Bootstrap', bootstrap));
    const output = await runInto(join(folder, 'output'), await envoyBinary(silent), [
      ...['--mode', 'validate', '--config-path', file, '--log-level', 'warning'],
    ]);
    return output.split('\n').filter((line) => line !== '' && !/^configuration '.*' OK$/.test(line));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const silent = () => undefined;

/** Output goes to a file, because Envoy opens `/dev/stdout`, which a socket does not allow. */
async function runInto(path: string, command: string, args: readonly string[]): Promise<string> {
  const output = await open(path, 'w');
  try {
    const child = spawn(command, args, { stdio: ['ignore', output.fd, output.fd] });
    const [code] = await once(child, 'exit');
    return `${await readFile(path, 'utf8')}${code === 0 ? '' : `refused with exit code ${code}`}`;
  } finally {
    await output.close();
  }
}

/** A running Envoy. */
export interface RunningEnvoy {
  /** A path of its admin interface, as text. The method is GET unless given. */
  admin(path: string, method?: 'POST'): Promise<string>;
  /** What it has logged so far. */
  log(): Promise<string>;
  /** Ends the process and waits until it is gone. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** A command that runs what follows it, e.g. in a network namespace. */
  readonly within?: readonly string[];
  /** Further arguments of its own. */
  readonly args?: readonly string[];
  /** Longest wait until it serves, in milliseconds. */
  readonly deadlineMs?: number;
}

/** Starts the real Envoy and waits until it serves; throws what it said when it ends before that or takes too long. */
export async function startEnvoy(bootstrap: Bootstrap, options: StartOptions = {}): Promise<RunningEnvoy> {
  const folder = await mkdtemp(join(tmpdir(), 'lateen-envoy-'));
  await chmod(folder, 0o777);
  const file = join(folder, 'bootstrap.pb');
  const socketPath = join(folder, 'admin.sock');
  await writeFile(
    file,
    encode('envoy.config.bootstrap.v3.Bootstrap', { ...bootstrap, admin: { address: { pipe: { path: socketPath } } } }),
  );
  const output = await open(join(folder, 'output'), 'w', 0o666);
  await output.chmod(0o666);
  const [program = '', ...args] = [
    ...(options.within ?? []),
    ...[await envoyBinary(silent), '--config-path', file, '--use-dynamic-base-id', '--concurrency', '1'],
    ...['--log-level', 'warning'],
    ...(options.args ?? []),
  ];
  const child = spawn(program, args, { stdio: ['ignore', output.fd, output.fd] });
  const ended = once(child, 'exit');
  const log = () => readFile(join(folder, 'output'), 'utf8');
  const admin = async (path: string, method?: 'POST') =>
    (await requestOver({ socketPath, path, ...(method === undefined ? {} : { method }) })).body;
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    await output.close();
    await rm(folder, { recursive: true });
  };
  const deadline = performance.now() + (options.deadlineMs ?? 15_000);
  for (;;) {
    const state = await admin('/ready').catch(() => '');
    if (state.startsWith('LIVE')) return { admin, log, stop };
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      const said = await log();
      await stop();
      throw new Error(`Envoy does not serve: ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A TCP port of loopback that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
