/** The control planes that are measured, each a process of its own that watches the mesh's API server. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { lateenNodeFlags } from '#hack/images/mesh-plan.ts';
import { type ApiServer, freePorts } from '#test/support/apiserver.ts';
import { endChild, spawnTied } from '#test/support/child.ts';
import { type Istiod, readMeshRoots, startIstiod, untilReady } from '#test/support/istiod.ts';
import { writeBundle } from '../bundled.ts';

export interface MeasuredServer {
  readonly pid: number;
  /** Plaintext xDS. */
  readonly plainPort: number;
  /** xDS and certificates over TLS. */
  readonly securePort: number;
  /** PEM of the mesh's root. */
  readonly roots: string;
  stop(): Promise<void>;
}

export type StartServer = (api: ApiServer) => Promise<MeasuredServer>;

/** Ours, as its image has it and with the same settings; its files go into the folder. */
export async function prepareOurs(folder: string): Promise<(api: ApiServer) => Promise<MeasuredServer & Istiod>> {
  const program = await writeBundle(join(folder, 'lateen'));
  return async (api) => {
    const [plainPort = 0] = await freePorts(1);
    const flags = [`--grpc-addr=127.0.0.1:${plainPort}`, '--log-level=info', '--rehearse-changes=true'];
    return { ...(await startIstiod(api, { program, flags, nodeFlags: lateenNodeFlags })), plainPort };
  };
}

/** What the chart of Istio's default profile puts into the mesh configuration. */
const peerMeshConfig = `
trustDomain: cluster.local
rootNamespace: istio-system
enablePrometheusMerge: true
defaultProviders: { metrics: [prometheus] }
defaultConfig: { discoveryAddress: istiod.istio-system.svc:15012 }
`;

/** And into the environment, less what only means something in a pod. */
const peerEnvironment = {
  REVISION: 'default',
  POD_NAME: 'istiod-0',
  POD_NAMESPACE: 'istio-system',
  SERVICE_ACCOUNT: 'istiod',
  CLUSTER_ID: 'Kubernetes',
  PILOT_CERT_PROVIDER: 'istiod',
  PILOT_ENABLE_ANALYSIS: 'false',
  ENABLE_CA_SERVER: 'true',
  INJECTION_WEBHOOK_CONFIG_NAME: '',
  VALIDATION_WEBHOOK_CONFIG_NAME: '',
};

/** Istio's own, from the path of its program `pilot-discovery`; its files go into the folder. */
export function preparePeer(program: string, folder: string): StartServer {
  return async (api) => {
    const [plainPort = 0, securePort = 0, httpsPort = 0, httpPort = 0, monitoringPort = 0, controlPort = 0] =
      await freePorts(6);
    const meshConfig = join(folder, 'etc/istio/config/mesh');
    await mkdir(dirname(meshConfig), { recursive: true });
    await writeFile(meshConfig, peerMeshConfig);
    const at = (port: number) => `127.0.0.1:${port}`;
    const lines: string[] = [];
    const child = spawnTied(
      resolve(program),
      [
        'discovery',
        ...['--kubeconfig', api.kubeconfig, '--meshConfig', meshConfig, '--domain', 'cluster.local'],
        ...['--log_output_level', 'default:info', '--keepaliveMaxServerConnectionAge', '30m'],
        ...['--grpcAddr', at(plainPort), '--secureGRPCAddr', at(securePort), '--httpsAddr', at(httpsPort)],
        ...['--httpAddr', at(httpPort), '--monitoringAddr', at(monitoringPort)],
        ...['--ctrlz_address', '127.0.0.1', '--ctrlz_port', String(controlPort)],
      ],
      // It looks for plugged-in certificates and injection templates below its folder, and finds none.
      { cwd: folder, env: { ...process.env, ...peerEnvironment }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => lines.push(String(text)));
    await untilReady(child, httpPort, () => lines.join(''));
    const roots = await readMeshRoots(api);
    return { pid: child.pid ?? 0, plainPort, securePort, roots, stop: () => endChild(child) };
  };
}
