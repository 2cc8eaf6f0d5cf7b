/** Proxyless gRPC: a real grpc-js client that finds its way by our xDS server, and real servers behind it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js';
import { expect } from 'chai';
import { issueCredentials, openAuthority } from '#ca/testsupport/authority.ts';
import { createMetrics, silentLogger } from '#runtime/index.ts';
import { endpointSlice, pod, service } from '#test/support/bookinfo.ts';
import { freePort } from '#test/support/envoy.ts';
import { eventually } from '#test/support/eventually.ts';
import { type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import { RecordingObserver } from '#test/support/snapshots.ts';
import { createDiscoveryService, createGrpcListener } from '#xds/index.ts';

const program = fileURLToPath(new URL('../support/grpc-client.mjs', import.meta.url));
const HOST = 'reviews.bookinfo.svc.cluster.local';
const backends = { v1: '127.0.11.1', v2: '127.0.11.2', v3: '127.0.11.3' };
type Version = keyof typeof backends;

const method = {
  Name: {
    path: '/test.Backend/Name',
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  },
} as const;

const subsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: bookinfo}
spec:
  host: reviews
  trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST}, outlierDetection: {consecutive5xxErrors: 5}}
  subsets: [{name: v1, labels: {version: v1}}, {name: v3, labels: {version: v3}}]
---`;

const routes = (http: readonly object[]): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec: {hosts: [reviews], http: ${JSON.stringify(http)}}
---`;

const to = (subset: string, weight?: number) => ({
  destination: { host: 'reviews', subset },
  ...(weight === undefined ? {} : { weight }),
});

/** Rejects when the process ends. */
async function exitOf(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`the client ended with exit code ${code}`);
}

describe('proxyless gRPC', () => {
  let pipeline: Pipeline;
  let observer: RecordingObserver;
  let port: number;
  let bootstrap: object;
  const servers: Server[] = [];
  const clients: { readonly child: ChildProcess; readonly lines: Interface }[] = [];
  const stopping = new AbortController();
  let running: Promise<void>;

  const slice = (...versions: readonly Version[]): string =>
    endpointSlice(
      'reviews',
      versions.map((version) => ({ ip: backends[version], pod: `reviews-${version}-0` })),
      port,
      'bookinfo',
      'grpc',
    );

  before(async () => {
    port = await freePort();
    for (const [version, address] of Object.entries(backends))
      await serve(`${address}:${port}`, version, ServerCredentials.createInsecure());
    pipeline = startPipeline();
    observer = new RecordingObserver();
    const discovery = createDiscoveryService({
      source: pipeline.source,
      observer,
      logger: silentLogger,
      metrics: createMetrics(),
    });
    const xdsPort = await new Promise<number>((onListening, reject) => {
      running = createGrpcListener({
        name: 'xds',
        address: '127.0.0.1:0',
        credentials: ServerCredentials.createInsecure(),
        services: [(server, connections) => discovery.register(server, connections)],
        onStop: () => discovery.close(),
        onListening,
        logger: silentLogger,
      }).run(stopping.signal);
      running.catch(reject);
    });
    bootstrap = {
      xds_servers: [
        { server_uri: `127.0.0.1:${xdsPort}`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] },
      ],
      node: {
        id: 'sidecar~10.1.0.1~client-0.bookinfo~bookinfo.svc.cluster.local',
        locality: {},
        metadata: { GENERATOR: 'grpc', NAMESPACE: 'bookinfo', CLUSTER_ID: 'Kubernetes', INSTANCE_IPS: '10.1.0.1' },
      },
    };
  });

  beforeEach(() => {
    const objects = Object.keys(backends).map((version) =>
      pod({ app: 'reviews', version, ip: backends[version as Version], port, mesh: false }),
    );
    pipeline.objects.apply(
      [service('reviews', '10.96.0.20', port, 'bookinfo', 'grpc'), ...objects, slice('v1', 'v2', 'v3')].join('\n'),
    );
  });

  afterEach(async () => {
    for (const { child, lines } of clients.splice(0)) {
      lines.close();
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    for (const kind of ['VirtualService', 'DestinationRule'] as const)
      pipeline.objects.delete(kind, 'bookinfo', 'reviews');
  });

  after(async () => {
    stopping.abort();
    await running;
    await pipeline.stop();
    for (const server of servers) server.forceShutdown();
  });

  /** A server that answers every call with its name. */
  async function serve(address: string, name: string, security: ServerCredentials): Promise<void> {
    const server = new Server();
    server.addService(method, { Name: (_: unknown, done: sendUnaryData<Buffer>) => done(null, Buffer.from(name)) });
    await new Promise<void>((resolve, reject) =>
      server.bindAsync(address, security, (error) => (error === null ? resolve() : reject(error))),
    );
    servers.push(server);
  }

  /** A client that dials this name; makes calls and says how many were answered by whom. */
  function dial(target: string, providers?: object) {
    const config = { ...bootstrap, ...(providers === undefined ? {} : { certificate_providers: providers }) };
    const child = spawn(process.execPath, [program, `xds:///${target}`, providers === undefined ? 'plain' : 'tls'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(config) },
    });
    child.setMaxListeners(0);
    const lines = createInterface({ input: child.stdout });
    clients.push({ child, lines });
    return async (calls: number): Promise<Readonly<Record<string, number>>> => {
      child.stdin.write(`${calls}\n`);
      const [line] = (await Promise.race([once(lines, 'line'), exitOf(child)])) as [string];
      return JSON.parse(line);
    };
  }

  it('goes round all endpoints of a service', async () => {
    const call = dial(`${HOST}:${port}`);
    await eventually(
      () => call(30),
      (answers) => expect(answers).to.deep.equal({ v1: 10, v2: 10, v3: 10 }),
    );
    expect(observer.events).to.include('connected client-0');
  });

  for (const name of ['reviews', 'reviews.bookinfo', 'reviews.bookinfo.svc']) {
    it(`is found by the name ${name} in its own namespace`, async () => {
      const call = dial(`${name}:${port}`);
      await eventually(
        () => call(6),
        (answers) => expect(answers).to.deep.equal({ v1: 2, v2: 2, v3: 2 }),
      );
    });
  }

  it('follows endpoints that come and go', async () => {
    const call = dial(`${HOST}:${port}`);
    await eventually(
      () => call(6),
      (answers) => expect(answers).to.have.all.keys('v1', 'v2', 'v3'),
    );
    pipeline.objects.apply(slice('v2'));
    await eventually(
      () => call(6),
      (answers) => expect(answers).to.deep.equal({ v2: 6 }),
    );
    pipeline.objects.apply(slice('v2', 'v3'));
    await eventually(
      () => call(6),
      (answers) => expect(answers).to.deep.equal({ v2: 3, v3: 3 }),
    );
  });

  it('splits calls between subsets as a VirtualService weighs them, and follows its change without a failed call', async () => {
    const call = dial(`${HOST}:${port}`);
    await eventually(
      () => call(6),
      (answers) => expect(answers).to.have.all.keys('v1', 'v2', 'v3'),
    );
    pipeline.objects.apply(subsets + routes([{ route: [to('v1', 75), to('v3', 25)] }]));
    const seen = new Set<string>();
    const calls = async (count: number) => {
      const answers = await call(count);
      for (const answer of Object.keys(answers)) seen.add(answer);
      return answers;
    };
    const split = await eventually(
      () => calls(200),
      (answers) => expect(answers).to.have.all.keys('v1', 'v3'),
    );
    expect(split.v1).to.be.within(110, 190);
    pipeline.objects.apply(routes([{ route: [to('v3')] }]));
    await eventually(
      () => calls(10),
      (answers) => expect(answers).to.deep.equal({ v3: 10 }),
    );
    expect([...seen].sort()).to.deep.equal([...seen].filter((answer) => Object.hasOwn(backends, answer)).sort());
  });

  it('obeys the first rule that matches, and fails what a rule takes that it cannot do', async () => {
    pipeline.objects.apply(
      subsets +
        routes([
          { match: [{ uri: { exact: '/test.Backend/Other' } }], route: [to('v3')] },
          { match: [{ uri: { prefix: '/test.Backend' } }], route: [to('v1')] },
          { route: [to('v3')] },
        ]),
    );
    const call = dial(`${HOST}:${port}`);
    await eventually(
      () => call(5),
      (answers) => expect(answers).to.deep.equal({ v1: 5 }),
    );
    pipeline.objects.apply(
      routes([{ match: [{ uri: { prefix: '/test' } }], directResponse: { status: 503 } }, { route: [to('v3')] }]),
    );
    await eventually(
      () => call(2),
      (answers) => expect(Object.keys(answers).join()).to.match(/UNAVAILABLE/),
    );
  });

  it('uses mutual TLS where a DestinationRule asks for the mesh’s, with who may answer checked', async () => {
    const authority = await openAuthority();
    const issue = (serviceAccount: string) => issueCredentials(authority, { namespace: 'bookinfo', serviceAccount });
    const folder = await mkdtemp(join(tmpdir(), 'lateen-grpc-'));
    const own = issue('client');
    const files = { chain: join(folder, 'chain.pem'), key: join(folder, 'key.pem'), roots: join(folder, 'roots.pem') };
    await writeFile(files.chain, own.chain);
    await writeFile(files.key, own.privateKey);
    await writeFile(files.roots, authority.rootsPem);
    const securePort = await freePort();
    // The second one is a workload of the mesh too, but not one that the service is made of.
    for (const [address, account] of [
      ['127.0.12.1', 'bookinfo-secure'],
      ['127.0.12.2', 'intruder'],
    ] as const) {
      const { chain, privateKey } = issue(account);
      const pair = { cert_chain: Buffer.from(chain), private_key: Buffer.from(privateKey) };
      await serve(
        `${address}:${securePort}`,
        account,
        ServerCredentials.createSsl(Buffer.from(authority.rootsPem), [pair], true),
      );
    }
    const secureSlice = (ip: string) =>
      endpointSlice('secure', [{ ip, pod: 'secure-v1-0' }], securePort, 'bookinfo', 'grpc');
    pipeline.objects.apply(
      [
        service('secure', '10.96.0.21', securePort, 'bookinfo', 'grpc'),
        pod({ app: 'secure', version: 'v1', ip: '127.0.12.1', port: securePort }),
        secureSlice('127.0.12.1'),
        `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: secure, namespace: bookinfo}
spec: {host: secure, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
`,
      ].join('\n'),
    );
    const call = dial(`secure.bookinfo.svc.cluster.local:${securePort}`, {
      default: {
        plugin_name: 'file_watcher',
        config: {
          certificate_file: files.chain,
          private_key_file: files.key,
          ca_certificate_file: files.roots,
          refresh_interval: '1s',
        },
      },
    });
    await eventually(
      () => call(3),
      (answers) => expect(answers).to.deep.equal({ 'bookinfo-secure': 3 }),
    );
    pipeline.objects.apply(secureSlice('127.0.12.2'));
    await eventually(
      () => call(1),
      (answers) => expect(Object.keys(answers).join()).to.match(/UNAVAILABLE/),
    );
    await rm(folder, { recursive: true });
  });

  it('acknowledges everything: no client has refused a resource', () => {
    expect(observer.events.filter((event) => event.startsWith('rejected'))).to.deep.equal([]);
  });
});
