/**
 * Bookinfo with an ingress gateway in a real API server, a real istiod, two connected proxies, and clients that ask istiod
 * about them as Istio's tools do.
 */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Message } from '#wire/index.ts';
import {
  CLUSTER_URL,
  type DeltaStream,
  LISTENER_URL,
  openDelta,
  openWorld,
  SECRET_URL,
  sidecarNode,
} from './adsclient.ts';
import { type ApiServer, startApiServer } from './apiserver.ts';
import { bookinfo, ingress, reviewsSplit, reviewsSubsets } from './bookinfo.ts';
import { type Istiod, meshCredentials, startIstiod, type WorkloadCertificate } from './istiod.ts';
import { mintKeyPair } from './keypair.ts';

type Response = Message<'envoy.service.discovery.v3.DiscoveryResponse'>;
type Node = Message<'envoy.config.core.v3.Node'>;

/** In the private key that the ingress gateway serves with. */
export const CANARY = 'CANARY-7f3a9c51e0b24d68';
const { certificate, key } = mintKeyPair();
export const CERTIFICATE = `certificate of bookinfo.example.com\n${certificate}`;

const certificateSecret = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'bookinfo-cert', namespace: 'istio-system' },
  type: 'kubernetes.io/tls',
  stringData: { 'tls.crt': CERTIFICATE, 'tls.key': `${CANARY}\n${key}` },
});

/** The node that Istio's client sends: its id names a made-up workload, its metadata the caller. */
export const toolNode = (namespace = 'istio-system', serviceAccount = 'default'): Node => ({
  id: 'sidecar~10.11.12.13~test-1.default~default.svc.cluster.local',
  metadata: {
    fields: {
      GENERATOR: { stringValue: 'event' },
      NAMESPACE: { stringValue: namespace },
      SERVICE_ACCOUNT: { stringValue: serviceAccount },
      ISTIO_VERSION: { stringValue: '65536.65536.65536' },
    },
  },
});

export const gatewayNode = (): Node => ({
  id: 'router~10.1.0.9~istio-ingressgateway-0.istio-system~istio-system.svc.cluster.local',
  metadata: {
    fields: {
      NAMESPACE: { stringValue: 'istio-system' },
      SERVICE_ACCOUNT: { stringValue: 'ingress' },
      CLUSTER_ID: { stringValue: 'Kubernetes' },
      LABELS: { structValue: { fields: { istio: { stringValue: 'ingressgateway' } } } },
    },
  },
});

export interface Reply {
  readonly status: number;
  readonly text: string;
}

export interface AskOptions {
  readonly name?: string;
  readonly token?: string;
  readonly node?: Node;
}

export interface GetOptions {
  readonly token?: string;
  /** A client certificate; implies TLS. */
  readonly shown?: WorkloadCertificate;
  readonly tls?: boolean;
  /** Of the loopback network; where the connection comes from. */
  readonly from?: string;
}

export interface ObservedMesh {
  readonly api: ApiServer;
  readonly istiod: Istiod;
  /** Tokens of istio-system/default and of other/default. */
  readonly administrator: string;
  readonly tenant: string;
  /** The ingress gateway's certificate. */
  readonly shown: WorkloadCertificate;
  /** Asks over xDS as Istio's tools do: state of the world, a time as the nonce, no acknowledgement. */
  ask(typeUrl: string, options?: AskOptions): Promise<Response>;
  /** Reads a page of port 15014. */
  get(path: string, options?: GetOptions): Promise<Reply>;
  stop(): Promise<void>;
}

export async function startObservedMesh(): Promise<ObservedMesh> {
  const api = await startApiServer();
  try {
    return await observe(api);
  } catch (error) {
    await api.stop();
    throw error;
  }
}

async function observe(api: ApiServer): Promise<ObservedMesh> {
  const apply = (documents: string, ...more: readonly string[]) =>
    api.kubectl(['apply', '--server-side', ...more, '-f', '-'], documents);
  await api.kubectl(['apply', '--server-side', '-k', 'crds']);
  await api.definitionsServed();
  for (const namespace of ['istio-system', 'bookinfo', 'other']) await api.kubectl(['create', 'namespace', namespace]);
  const istiod = await startIstiod(api);
  const administrator = await istiod.token('istio-system', 'default');
  const tenant = await istiod.token('other', 'default');
  for (const account of ['bookinfo-productpage', 'bookinfo-reviews', 'bookinfo-ratings'])
    await istiod.token('bookinfo', account);
  const ingressToken = await istiod.token('istio-system', 'ingress');
  await api.kubectl([
    ...['create', 'role', 'ingress-sds', '-n', 'istio-system'],
    ...['--verb=get,watch,list', '--resource=secrets'],
  ]);
  await api.kubectl([
    ...['create', 'rolebinding', 'ingress-sds', '-n', 'istio-system'],
    ...['--role=ingress-sds', '--serviceaccount=istio-system:ingress'],
  ]);
  await apply([bookinfo, ingress, reviewsSubsets, reviewsSplit(80, 20), certificateSecret].join('\n---\n'));
  const pods = (bookinfo + ingress).split('---').filter((document) => document.includes('kind: Pod'));
  await apply(pods.join('---'), '--subresource=status');
  const shown = await istiod.certificate(ingressToken, 'istio-system', 'ingress');

  const sidecar = openDelta(istiod.securePort, {
    credentials: meshCredentials(istiod),
    token: await istiod.token('bookinfo', 'default'),
  });
  sidecar.send({
    node: sidecarNode('productpage-v1-0', 'bookinfo', { CLUSTER_ID: 'Kubernetes' }),
    typeUrl: CLUSTER_URL,
  });
  const gateway = openDelta(istiod.securePort, { credentials: meshCredentials(istiod, shown) });
  gateway.send({ node: gatewayNode(), typeUrl: LISTENER_URL });
  gateway.send({ typeUrl: SECRET_URL, resourceNamesSubscribe: ['kubernetes://bookinfo-cert'] });
  const streams = [sidecar, gateway];
  const answering = Promise.all(streams.map(answerAll));

  return {
    ...{ api, istiod, administrator, tenant, shown },
    async ask(typeUrl, { name, token = administrator, node = toolNode() } = {}) {
      const stream = openWorld(istiod.securePort, { credentials: meshCredentials(istiod), token });
      try {
        stream.send({
          ...{ node, typeUrl, responseNonce: '2026-11-27 11:02:00.123456 +0000 UTC m=+0.5' },
          ...(name === undefined ? {} : { resourceNames: [name] }),
        });
        return await stream.next();
      } finally {
        stream.close();
      }
    },
    get: (path, options = {}) => readPage(istiod, path, options),
    async stop() {
      for (const stream of streams) stream.close();
      await answering;
      await istiod.stop();
      await api.stop();
    },
  };
}

/** Acknowledges everything but secrets, which this proxy finds fault with, until the stream ends. */
async function answerAll(stream: DeltaStream): Promise<void> {
  for (;;) {
    const response = await stream.next().catch(() => undefined);
    if (response === undefined) return;
    const { typeUrl, nonce } = response;
    const errorDetail = { code: 13, message: 'no such curve' };
    stream.send({ typeUrl, responseNonce: nonce, ...(typeUrl === SECRET_URL ? { errorDetail } : {}) });
  }
}

/** What a page answers in full. */
export function readPage(
  istiod: Pick<Istiod, 'monitoringPort' | 'roots'>,
  path: string,
  { token, shown, tls, from }: GetOptions = {},
): Promise<Reply> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const source = from === undefined ? {} : { localAddress: from };
  const common = { host: '127.0.0.1', port: istiod.monitoringPort, path, headers, agent: false, ...source };
  const certificate = shown === undefined ? {} : { cert: shown.chain, key: shown.key };
  const secure = { servername: 'istiod.istio-system.svc', ca: istiod.roots, ...certificate };
  return new Promise((resolve, reject) => {
    const request = tls === true || shown !== undefined ? requestHttps({ ...common, ...secure }) : requestHttp(common);
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }));
    });
    request.on('error', reject);
    request.end();
  });
}
