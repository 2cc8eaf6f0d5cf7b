import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ControlPlanePlan, controlPlaneFiles, writeCredentials } from '#hack/cluster/control-plane.ts';
import {
  apiServerArguments,
  controllerManagerArguments,
  etcdArguments,
} from '#hack/cluster/control-plane-arguments.ts';
import { runCommand } from '#hack/setup/command.ts';
import { type KubeProgram, kubeBinary } from '#hack/setup/kube.ts';
import { LateenError } from '#runtime/core/index.ts';
import { endChild, spawnTied } from './child.ts';
import { eventually } from './eventually.ts';

export interface ApiServerOptions {
  readonly signal?: AbortSignal;
  /** Also run the controller manager: garbage collection, namespace deletion, ServiceAccounts, root-CA ConfigMaps. */
  readonly controllerManager?: boolean;
}

/** A real etcd and kube-apiserver on free loopback ports, RBAC on, with an administrator's credentials. */
export interface ApiServer {
  readonly url: string;
  /** Path of a kubeconfig for a member of system:masters. */
  readonly kubeconfig: string;
  /** PEM: what clients verify the server with and present themselves with. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** Runs kubectl as administrator and gives its standard output; `input` is its standard input. */
  kubectl(parameters: readonly string[], input?: string): Promise<string>;
  /** Resolves once every CustomResourceDefinition there is serves its kind. */
  definitionsServed(): Promise<void>;
  /** Ends the API server at once (SIGKILL); clients see their connections break. */
  kill(): Promise<void>;
  /** Starts it again on the same port with the same data (killing it first if it runs); resolves when it is ready. */
  restart(): Promise<void>;
  /** Ends everything and removes its files. */
  stop(): Promise<void>;
}

const loopback = '127.0.0.1';
const readyWithinMilliseconds = 60_000;

export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const { signal } = options;
  const kube = await kubeBinary((message) => process.stderr.write(`kubernetes: ${message}\n`), signal);
  const directory = await mkdtemp(join(tmpdir(), 'lateen-apiserver-'));
  const plan = await planApiServer(directory);
  const files = controlPlaneFiles(directory);
  const authority = await writeCredentials(plan);
  const kubeconfig = files.kubeconfig('admin');
  const user = JSON.parse(await readFile(kubeconfig, 'utf8')).users[0].user;
  const credentials = {
    ca: authority.certificate,
    certificate: Buffer.from(user['client-certificate-data'], 'base64').toString(),
    key: Buffer.from(user['client-key-data'], 'base64').toString(),
  };
  const url = `https://${loopback}:${plan.ports.apiServer}`;
  const running = new Map<KubeProgram, ChildProcess>();

  const start = (program: KubeProgram, parameters: readonly string[]) => {
    const log = openSync(join(directory, `${program}.log`), 'a');
    const child = spawnTied(kube, [program, ...parameters], { stdio: ['ignore', log, log] });
    closeSync(log);
    running.set(program, child);
  };
  const end = async (program: KubeProgram) => {
    const child = running.get(program);
    running.delete(program);
    if (child !== undefined) await endChild(child, 'SIGKILL');
  };
  const stop = async () => {
    signal?.removeEventListener('abort', onAbort);
    for (const program of [...running.keys()].reverse()) await end(program);
    await rm(directory, { recursive: true, force: true });
  };
  const onAbort = () => {
    stop().catch((error) => process.emitWarning(error));
  };
  const startServer = async () => {
    start('kube-apiserver', apiServerArguments(plan));
    await untilReady(url, credentials, async () => {
      const child = running.get('kube-apiserver');
      if (child && child.exitCode === null && child.signalCode === null) return undefined;
      return (await readFile(join(directory, 'kube-apiserver.log'), 'utf8')).split('\n').slice(-15).join('\n');
    });
  };

  try {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort, { once: true });
    start('etcd', etcdArguments(plan));
    await startServer();
    if (options.controllerManager) start('kube-controller-manager', controllerManagerArguments(plan));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    kubeconfig,
    ...credentials,
    kubectl: (parameters, input) => runKubectl(kube, kubeconfig, parameters, input),
    definitionsServed: async () => {
      const parameters = ['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'];
      // kubectl gives up on a definition that has no conditions yet.
      const wait = async () =>
        runKubectl(kube, kubeconfig, parameters).then(
          () => undefined,
          (error: unknown) => error,
        );
      await eventually(wait, (error) => {
        if (error !== undefined) throw error;
      });
    },
    kill: () => end('kube-apiserver'),
    restart: async () => {
      await end('kube-apiserver');
      await startServer();
    },
    stop,
  };
}

async function planApiServer(directory: string): Promise<ControlPlanePlan> {
  const [etcdClient, etcdPeer, apiServer, controllerManager, scheduler] = await freePorts(5);
  return {
    name: 'test',
    directory,
    advertiseAddress: loopback,
    bindAddress: loopback,
    clientAddresses: [loopback],
    serviceCidrs: ['10.96.0.0/16', 'fd00:96::/112'],
    kubernetesServiceAddress: '10.96.0.1',
    podCidrs: ['10.97.0.0/16', 'fd00:97::/64'],
    ports: { etcdClient, etcdPeer, apiServer, controllerManager, scheduler } as ControlPlanePlan['ports'],
  };
}

/** Who was given one may not have bound it yet, or bind it again. */
const given = new Set<number>();

/** Ports that were free a moment ago, all different, and given to nobody before. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  const ports: number[] = [];
  while (ports.length < count) {
    const server = createServer().listen(0, loopback);
    servers.push(server);
    if (!server.listening) await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new LateenError('internal', 'no port');
    if (given.has(address.port)) continue;
    given.add(address.port);
    ports.push(address.port);
  }
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

async function untilReady(
  url: string,
  credentials: { ca: string; certificate: string; key: string },
  failure: () => Promise<string | undefined>,
): Promise<void> {
  const deadline = performance.now() + readyWithinMilliseconds;
  while ((await statusOf(`${url}/readyz`, credentials)) !== 200) {
    const reason = await failure();
    if (reason !== undefined) throw new LateenError('unavailable', `kube-apiserver ended:\n${reason}`);
    if (performance.now() > deadline) throw new LateenError('deadline', 'kube-apiserver did not become ready');
    await sleep(50);
  }
}

function statusOf(url: string, { ca, certificate, key }: { ca: string; certificate: string; key: string }) {
  return new Promise<number | undefined>((resolve) => {
    const call = request(url, { ca, cert: certificate, key, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.on('error', () => resolve(undefined));
    call.end();
  });
}

async function runKubectl(kube: string, kubeconfig: string, parameters: readonly string[], input?: string) {
  return runCommand(kube, ['kubectl', '--kubeconfig', kubeconfig, ...parameters], input === undefined ? {} : { input });
}
