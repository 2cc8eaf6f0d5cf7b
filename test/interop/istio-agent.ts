/** Istio's pilot-agent in a pod, as Istio's injection starts it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, copyFile, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { envoyBinary } from '#hack/setup/envoy.ts';
import { endChild } from '#test/support/child.ts';
import { eventually } from '#test/support/eventually.ts';
import type { NetworkPair } from '#test/support/netns.ts';

/** Istio's proxies run as this user, whose traffic is not redirected. */
const proxyUser = 1337;

export interface IstioAgentOptions {
  readonly network: NetworkPair;
  readonly program: string;
  /** Its template of Envoy's bootstrap. */
  readonly bootstrap: string;
  readonly namespace: string;
  readonly pod: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly roots: string;
  readonly token: string;
  /** Where it asks for certificates; and, unless `proxyConfig` says otherwise, for everything else. */
  readonly authority: string;
  readonly proxyConfig: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
}

export class IstioAgent {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #network: NetworkPair;

  private constructor(folder: string, child: ChildProcess, network: NetworkPair) {
    this.#folder = folder;
    this.#child = child;
    this.#network = network;
  }

  /** Starts it; see `untilReady`. */
  static async start(options: IstioAgentOptions): Promise<IstioAgent> {
    const { network, namespace, pod, serviceAccount, labels, authority, proxyConfig } = options;
    const folder = await mkdtemp(join(tmpdir(), 'lateen-interop-'));
    const path = (name: string) => join(folder, name);
    const files = {
      'var/run/secrets/tokens/istio-token': options.token,
      'var/run/secrets/istio/root-cert.pem': options.roots,
      'etc/istio/pod/labels': Object.entries(labels)
        .map(([name, value]) => `${name}="${value}"\n`)
        .join(''),
      'etc/istio/pod/annotations': '',
    };
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(path(name)), { recursive: true });
      await writeFile(path(name), content);
    }
    // The cache may lie where nobody else than root gets.
    await copyFile(await envoyBinary(() => undefined), path('envoy'));
    await copyFile(options.program, path('pilot-agent'));
    await copyFile(options.bootstrap, path('bootstrap.json'));
    for (const name of ['envoy', 'pilot-agent']) await chmod(path(name), 0o755);
    await mkdir(path('etc/istio/proxy'), { recursive: true });
    await own(folder);
    const output = await open(path('log'), 'a', 0o666);
    await output.chmod(0o666);
    const [program = '', ...before] = network.command('pod', proxyUser);
    const child = spawn(
      program,
      [
        ...[...before, path('pilot-agent'), 'proxy', 'sidecar', '--domain', `${namespace}.svc.cluster.local`],
        ...['--proxyLogLevel=warning', '--log_output_level=default:info', '--templateFile', path('bootstrap.json')],
      ],
      {
        cwd: folder,
        stdio: ['ignore', output.fd, output.fd],
        env: {
          ...{ PATH: process.env.PATH, HOME: folder },
          ...{ PILOT_CERT_PROVIDER: 'istiod', CA_ADDR: authority, ISTIO_META_CLUSTER_ID: 'Kubernetes' },
          ...{ POD_NAME: pod, POD_NAMESPACE: namespace, SERVICE_ACCOUNT: serviceAccount },
          ...{ INSTANCE_IP: network.addresses.pod, HOST_IP: network.addresses.peer },
          ...{ ISTIO_META_INTERCEPTION_MODE: 'REDIRECT', ISTIO_META_MESH_ID: 'cluster.local' },
          ...{ ISTIO_META_WORKLOAD_NAME: pod, TRUST_DOMAIN: 'cluster.local' },
          PROXY_CONFIG: JSON.stringify({
            ...{ binaryPath: path('envoy'), configPath: path('etc/istio/proxy'), discoveryAddress: authority },
            ...{ concurrency: 1, terminationDrainDuration: '1s', ...proxyConfig },
          }),
          ...options.env,
        },
      },
    );
    await output.close();
    return new IstioAgent(folder, child, network);
  }

  log(): Promise<string> {
    return readFile(join(this.#folder, 'log'), 'utf8');
  }

  /** Resolves once the kubelet would call it ready. Throws with its log when it does not become so. */
  async untilReady(): Promise<void> {
    try {
      await eventually(
        () => this.#probe(),
        (status) => {
          if (status !== 200) throw new Error(`the readiness probe is answered ${status}`);
        },
      );
    } catch (error) {
      throw new Error(`${String(error)}; the log ends:\n${(await this.log()).split('\n').slice(-40).join('\n')}`);
    }
  }

  async #probe(): Promise<number> {
    if (this.#child.exitCode !== null) throw new Error(`it ended with code ${this.#child.exitCode}`);
    return fetch(`http://${this.#network.addresses.pod}:15021/healthz/ready`, {
      signal: AbortSignal.timeout(5_000),
    }).then(
      ({ status }) => status,
      () => 0,
    );
  }

  /** A path of Envoy's admin interface, which the pod alone can reach. */
  async admin(path: string): Promise<string> {
    const script = `fetch('http://127.0.0.1:15000${path}').then((r) => r.text()).then((t) => process.stdout.write(t))`;
    return (await this.#network.run('pod', [process.execPath, '-e', script], proxyUser)).stdout;
  }

  async stop(): Promise<void> {
    const ended = this.#child.exitCode === null ? once(this.#child, 'exit') : undefined;
    await endChild(this.#child, 'SIGTERM');
    await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function own(folder: string): Promise<void> {
  await chown(folder, proxyUser, proxyUser);
  for (const name of await readdir(folder, { recursive: true })) await chown(join(folder, name), proxyUser, proxyUser);
}
