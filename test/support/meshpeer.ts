/**
 * A control plane for agents under test: the real certificate authority on its real gRPC service, and beside it the least
 * delta ADS that makes an Envoy ready, for clients with a certificate of that authority. What an agent sees of istiod, on
 * one loopback port.
 */
import { X509Certificate } from 'node:crypto';
import { type Metadata, Server, type ServerDuplexStream, type ServiceDefinition, status } from '@grpc/grpc-js';
import {
  addCertificateService,
  buildServerCredentials,
  type CaFiles,
  CallerAuthenticator,
  type CertificateAuthority,
  declareCaMetrics,
  ServerCertificate,
} from '#ca/index.ts';
import { openAuthority } from '#ca/testsupport/authority.ts';
import { MemoryStore } from '#ca/testsupport/store.ts';
import { createMetrics, silentLogger, systemClock } from '#runtime/index.ts';
import { type Any, decode, encode, type Message, typeUrl } from '#wire/index.ts';
import type { AgentOptions } from './agentprocess.ts';

type Request = Message<'envoy.service.discovery.v3.DeltaDiscoveryRequest'>;
type Response = Message<'envoy.service.discovery.v3.DeltaDiscoveryResponse'>;

const requestType = 'envoy.service.discovery.v3.DeltaDiscoveryRequest';
const responseType = 'envoy.service.discovery.v3.DeltaDiscoveryResponse';

const deltaAds = {
  deltaAggregatedResources: {
    path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    requestStream: true,
    responseStream: true,
    requestSerialize: (value: Request) => Buffer.from(encode(requestType, value)),
    requestDeserialize: (bytes: Buffer) => decode(requestType, bytes),
    responseSerialize: (value: Response) => Buffer.from(encode(responseType, value)),
    responseDeserialize: (bytes: Buffer) => decode(responseType, bytes),
  },
} satisfies ServiceDefinition;

export interface MeshPeerOptions {
  /** Token that proves to be of this workload. */
  readonly token: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Resources by type name, sent to every Envoy that asks for the type. */
  readonly resources: Readonly<Record<string, readonly { readonly name: string; readonly resource: Any }[]>>;
  /** Types that are asked for and never answered. */
  readonly unanswered?: readonly string[];
  /** Where a root was kept before, to come back with the same one. */
  readonly files?: CaFiles;
  readonly port?: number;
}

/** DNS name in the server's certificate. */
export const peerName = 'istiod.istio-system.svc';

export class MeshPeer {
  readonly #server: Server;
  readonly #ending: AbortController;
  readonly #running: Promise<void>;
  readonly authority: CertificateAuthority;
  readonly port: number;
  readonly files: CaFiles;
  /** Node ids of the Envoys that opened a stream, in order. */
  readonly nodes: Message<'envoy.config.core.v3.Node'>[];
  /** SPIFFE ids in the client certificates of these streams. */
  readonly identities: string[];
  readonly rejections: string[];

  /** How the agent of its workload reaches it. */
  readonly access: Pick<AgentOptions, 'discoveryAddress' | 'serverName' | 'roots' | 'token'>;

  private constructor(
    token: string,
    fields: Pick<MeshPeer, 'authority' | 'port' | 'files' | 'nodes' | 'identities' | 'rejections'>,
    server: Server,
    ending: AbortController,
    running: Promise<void>,
  ) {
    this.authority = fields.authority;
    this.port = fields.port;
    this.files = fields.files;
    this.nodes = fields.nodes;
    this.identities = fields.identities;
    this.rejections = fields.rejections;
    this.access = {
      discoveryAddress: `127.0.0.1:${fields.port}`,
      serverName: peerName,
      roots: fields.authority.rootsPem,
      token,
    };
    this.#server = server;
    this.#ending = ending;
    this.#running = running;
  }

  static async start(options: MeshPeerOptions): Promise<MeshPeer> {
    const metrics = declareCaMetrics(createMetrics());
    const common = { clock: systemClock, logger: silentLogger };
    const store = new MemoryStore();
    store.stored = options.files;
    const authority = await openAuthority({ store, metrics });
    const certificate = new ServerCertificate({ ...common, authority, dnsNames: [peerName] });
    const callers = new CallerAuthenticator({
      tokens: {
        verify: async (token) =>
          token === options.token
            ? { ok: true, namespace: options.namespace, serviceAccount: options.serviceAccount }
            : { ok: false, reason: 'unknown token' },
      },
      audiences: ['istio-ca'],
      trustDomains: () => ({ trustDomain: 'cluster.local', aliases: [] }),
      trust: () => authority.trust,
      clock: systemClock,
    });
    const ending = new AbortController();
    const running = Promise.all([authority.run(ending.signal), certificate.run(ending.signal)]).then(() => undefined);
    const server = new Server();
    addCertificateService(server, { authority, callers, metrics, logger: silentLogger });
    const seen = { nodes: [], identities: [], rejections: [] };
    server.addService(deltaAds, {
      deltaAggregatedResources: (call: ServerDuplexStream<Request, Response>) => {
        // Such as an Envoy that trusts the new root already and has a certificate of the old one: it is to connect again.
        if (call.getAuthContext().sslPeerCertificate === undefined) {
          call.emit('error', { code: status.UNAUTHENTICATED, details: 'no certificate that this authority issued' });
          server.drain(`127.0.0.1:${port}`, 100);
        } else serve(call, options, seen);
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${options.port ?? 0}`, buildServerCredentials(certificate), (error, bound) => {
        if (error) reject(error);
        else resolve(bound);
      });
    });
    if (!store.stored) throw new Error('the authority made no root');
    return new MeshPeer(options.token, { authority, port, files: store.stored, ...seen }, server, ending, running);
  }

  async stop(): Promise<void> {
    this.#server.forceShutdown();
    this.#ending.abort();
    await this.#running;
  }
}

function serve(
  call: ServerDuplexStream<Request, Response> & { readonly metadata: Metadata },
  { resources, unanswered = [] }: Pick<MeshPeerOptions, 'resources' | 'unanswered'>,
  seen: {
    readonly nodes: Message<'envoy.config.core.v3.Node'>[];
    readonly identities: string[];
    readonly rejections: string[];
  },
): void {
  const peer = call.getAuthContext().sslPeerCertificate;
  const answered = new Set<string>();
  call.on('data', (request: Request) => {
    if (request.node) {
      seen.nodes.push(request.node);
      seen.identities.push(peer ? (new X509Certificate(peer.raw).subjectAltName ?? '') : '');
    }
    if (request.errorDetail) seen.rejections.push(request.errorDetail.message ?? '');
    const type = request.typeUrl ?? '';
    const typeName = type.slice(typeUrl('').length);
    if (answered.has(type) || unanswered.includes(typeName)) return;
    answered.add(type);
    call.write({
      typeUrl: type,
      nonce: String(answered.size),
      systemVersionInfo: '1',
      resources: (resources[typeName] ?? []).map(({ name, resource }) => ({ name, version: '1', resource })),
    });
  });
  call.on('end', () => call.end());
  // A client that goes away is no event for the test.
  call.on('error', () => call.end());
}
