/** A real agent with a real Envoy on loopback, as a container would run it, its files in a scratch folder. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { envoyBinary } from '#hack/setup/envoy.ts';
import { eventually } from './eventually.ts';

export interface AgentPorts {
  readonly admin: number;
  readonly status: number;
  readonly readiness: number;
  readonly metrics: number;
}

export interface AgentOptions {
  /** The agent's entry point or bundle. */
  readonly program: string;
  readonly discoveryAddress: string;
  readonly serverName: string;
  readonly roots: string;
  readonly token: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly proxyConfig?: Readonly<Record<string, unknown>>;
  readonly nodeFlags?: readonly string[];
  /** More flags of the proxy command. */
  readonly flags?: readonly string[];
}

export class AgentProcess {
  readonly folder: string;
  readonly ports: AgentPorts;
  /** Node's flags and the program. */
  readonly #command: readonly string[];
  readonly #flags: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #ended: Promise<number> = Promise.resolve(0);

  private constructor(
    command: readonly string[],
    folder: string,
    ports: AgentPorts,
    env: Readonly<Record<string, string>>,
    flags: readonly string[],
  ) {
    this.#command = command;
    this.#flags = flags;
    this.folder = folder;
    this.ports = ports;
    this.#env = env;
  }

  /** Lays out the files of a pod; nothing runs yet. */
  static async prepare(options: AgentOptions): Promise<AgentProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'lateen-agent-'));
    const [admin = 0, status = 0, readiness = 0, metrics = 0] = await findPorts(4);
    await mkdir(join(folder, 'pod'));
    await writeFile(join(folder, 'pod', 'labels'), 'app="web"\nversion="v1"\n');
    await writeFile(join(folder, 'pod', 'annotations'), 'note="says \\"hello\\""\n');
    await writeFile(join(folder, 'root-cert.pem'), options.roots);
    await writeFile(join(folder, 'token'), `${options.token}\n`);
    return new AgentProcess(
      [...(options.nodeFlags ?? []), options.program],
      folder,
      { admin, status, readiness, metrics },
      {
        PATH: process.env.PATH ?? '',
        POD_NAME: 'web-1',
        POD_NAMESPACE: 'demo',
        SERVICE_ACCOUNT: 'web',
        INSTANCE_IP: '127.0.0.1',
        ISTIO_META_WORKLOAD_NAME: 'web',
        ISTIO_META_CLUSTER_ID: 'Kubernetes',
        CA_SNI: options.serverName,
        XDS_SNI: options.serverName,
        JWT_PATH: join(folder, 'token'),
        CA_ROOT_CA: join(folder, 'root-cert.pem'),
        ROOT_CERT_CHECK_INTERVAL: '200ms',
        SDS_SOCKET_PATH: join(folder, 'sds', 'socket'),
        POD_INFO_PATH: join(folder, 'pod'),
        ENVOY_STATUS_PORT: String(readiness),
        ENVOY_PROMETHEUS_PORT: String(metrics),
        PROXY_CONFIG: JSON.stringify({
          discoveryAddress: options.discoveryAddress,
          binaryPath: await envoyBinary(() => undefined),
          configPath: join(folder, 'config'),
          concurrency: 1,
          proxyAdminPort: admin,
          statusPort: status,
          terminationDrainDuration: '0.2s',
          ...options.proxyConfig,
        }),
        ...options.env,
      },
      options.flags ?? [],
    );
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(role: 'sidecar' | 'router' = 'sidecar'): Promise<void> {
    const output = await open(join(this.folder, 'log'), 'a');
    const args = [
      ...this.#command,
      'proxy',
      role,
      '--domain',
      'demo.svc.cluster.local',
      '--log_output_level=default:debug',
      ...this.#flags,
    ];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', output.fd, output.fd],
      env: this.#env,
      cwd: this.folder,
    });
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ? 128 : (code ?? 1))));
    await output.close();
  }

  /** Sends a signal and resolves with the exit code. */
  end(signal: NodeJS.Signals): Promise<number> {
    this.#child?.kill(signal);
    return this.#ended;
  }

  /** Resolves when it ends by itself, with the exit code. */
  get ended(): Promise<number> {
    return this.#ended;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  log(): Promise<string> {
    return readFile(join(this.folder, 'log'), 'utf8');
  }

  get(port: number, path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${port}${path}`, init);
  }

  /** Status that the kubelet's readiness probe gets; 0 when nobody listens. */
  async readiness(): Promise<number> {
    return this.get(this.ports.readiness, '/healthz/ready').then(
      async (response) => {
        await response.arrayBuffer();
        return response.status;
      },
      () => 0,
    );
  }

  /** Waits until the kubelet would call it ready. Throws with its log when it does not become so. */
  async untilReady(): Promise<void> {
    try {
      await eventually(
        () => this.readiness(),
        (status) => expect(status).to.equal(200),
      );
    } catch (error) {
      throw new Error(`not ready; the log:\n${await this.log()}`, { cause: error });
    }
  }

  /** Process ids of the agent's children: its Envoy. */
  async children(): Promise<readonly number[]> {
    const found: number[] = [];
    for (const entry of await readdir('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(parent) === this.pid && state !== 'Z') found.push(Number(entry));
    }
    return found;
  }

  async remove(): Promise<void> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) {
      const children = await this.children();
      await this.end('SIGKILL');
      for (const pid of children) process.kill(pid, 'SIGKILL');
    }
    await rm(this.folder, { recursive: true });
  }
}

/** Free at this moment. */
async function findPorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
