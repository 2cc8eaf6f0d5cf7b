/** `lateen discovery` as a process of its own, against a real API server. */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { connectAuthority } from '#agent/certificate/authority.ts';
import { buildCsr, generateKey } from '#agent/certificate/csr.ts';
import { type ApiServer, freePorts } from './apiserver.ts';
import { endChild, spawnTied } from './child.ts';
import { eventually } from './eventually.ts';

/** The name in a control plane's certificate. */
export const istiodName = 'istiod.istio-system.svc';

const source = fileURLToPath(new URL('../../cmd/lateen.ts', import.meta.url));

/** A certificate of the mesh and its key, in PEM. */
export interface WorkloadCertificate {
  readonly chain: string;
  readonly key: string;
}

export interface Istiod {
  readonly pid: number;
  /** xDS and the certificate service. */
  readonly securePort: number;
  readonly monitoringPort: number;
  /** PEM of the mesh's root. */
  readonly roots: string;
  /** Everything that was logged so far. */
  log(): string;
  /** A token of a service account, made if need be. */
  token(namespace: string, serviceAccount: string, audience?: string): Promise<string>;
  /** A certificate from the certificate service, for whoever the token proves. */
  certificate(token: string, namespace: string, serviceAccount: string): Promise<WorkloadCertificate>;
  stop(): Promise<void>;
}

interface IstiodOptions {
  /** What Node runs; the source by default. */
  readonly program?: string;
  /** More flags of `lateen discovery`; a later one wins. */
  readonly flags?: readonly string[];
  /** Flags of Node itself. */
  readonly nodeFlags?: readonly string[];
}

/** The namespace istio-system and the definitions of mesh resources must be there. */
export async function startIstiod(api: ApiServer, options: IstiodOptions = {}): Promise<Istiod> {
  const [securePort = 0, monitoringPort = 0, httpsPort = 0, httpPort = 0] = await freePorts(4);
  const lines: string[] = [];
  const child = spawnTied(
    process.execPath,
    [
      ...(options.nodeFlags ?? []),
      options.program ?? source,
      'discovery',
      `--kubeconfig=${api.kubeconfig}`,
      `--secure-grpc-addr=127.0.0.1:${securePort}`,
      `--monitoring-addr=127.0.0.1:${monitoringPort}`,
      `--https-addr=127.0.0.1:${httpsPort}`,
      `--http-addr=127.0.0.1:${httpPort}`,
      '--leader-election=false',
      '--pod-name=istiod-0',
      // Nothing is measured, and each start would take 2 s more.
      '--rehearse-changes=false',
      '--log-level=debug',
      ...(options.flags ?? []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => lines.push(String(text)));
  const log = () => lines.join('');
  await untilReady(child, httpPort, log);
  const roots = await readMeshRoots(api);
  return {
    ...{ pid: child.pid ?? 0, securePort, monitoringPort, roots, log },
    token: (namespace, serviceAccount, audience) => createToken(api, namespace, serviceAccount, audience),
    certificate: (token, namespace, serviceAccount) =>
      requestCertificate({ securePort, roots }, token, namespace, serviceAccount),
    stop: () => endChild(child),
  };
}

/** Resolves once a control plane says that it is ready, whatever it is written in. */
export async function untilReady(child: ChildProcess, httpPort: number, log: () => string): Promise<void> {
  await eventually(
    async () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`istiod ended:\n${log()}`);
      return fetch(`http://127.0.0.1:${httpPort}/ready`).then(
        ({ status }) => status,
        () => 0,
      );
    },
    (status) => {
      if (status !== 200) throw new Error(`istiod is not ready:\n${log()}`);
    },
  );
}

/** PEM of the root that a control plane keeps in the cluster. */
export async function readMeshRoots(api: ApiServer): Promise<string> {
  const root = await api.kubectl([
    ...['get', 'secret', 'istio-ca-secret', '-n', 'istio-system'],
    ...['-o', 'jsonpath={.data.ca-cert\\.pem}'],
  ]);
  return Buffer.from(root, 'base64').toString();
}

/** A token of a service account, made if need be. */
async function createToken(
  api: ApiServer,
  namespace: string,
  serviceAccount: string,
  audience = 'istio-ca',
): Promise<string> {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: serviceAccount, namespace } };
  await api.kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(account));
  const token = await api.kubectl([
    ...['create', 'token', serviceAccount, '-n', namespace],
    ...['--audience', audience],
  ]);
  return token.trim();
}

/** Asks a certificate service, whatever it is written in, for whoever the token proves. */
export async function requestCertificate(
  { securePort, roots }: Pick<Istiod, 'securePort' | 'roots'>,
  token: string,
  namespace: string,
  serviceAccount: string,
): Promise<WorkloadCertificate> {
  const key = await generateKey();
  const request = connectAuthority({
    address: `127.0.0.1:${securePort}`,
    serverName: istiodName,
    clusterId: 'Kubernetes',
    ttlSeconds: 3600,
    deadline: 10_000,
  });
  const chain = await request({
    csr: buildCsr(key, `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`),
    roots,
    token,
    signal: AbortSignal.timeout(10_000),
  });
  return { chain: chain.join(''), key: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** Credentials of a client that trusts the mesh's root and shows a certificate, if it has one. */
export function meshCredentials({ roots }: Pick<Istiod, 'roots'>, shown?: WorkloadCertificate): ChannelCredentials {
  return shown === undefined
    ? credentials.createSsl(Buffer.from(roots))
    : credentials.createSsl(Buffer.from(roots), Buffer.from(shown.key), Buffer.from(shown.chain));
}
