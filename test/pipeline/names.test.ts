import { credentials, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { OwnStream } from '#agent/discovery/ownstream.ts';
import { NameTopic } from '#agent/dns/names.ts';
import { NameTable } from '#agent/dns/table.ts';
import { buildServerCredentials, type CertificateAuthority, ServerCertificate } from '#ca/index.ts';
import { issueCredentials, openAuthority } from '#ca/testsupport/authority.ts';
import { createMetrics, silentLogger, systemClock } from '#runtime/index.ts';
import { CLUSTER_URL, openDelta, openWorld, sidecarNode } from '#test/support/adsclient.ts';
import { service } from '#test/support/bookinfo.ts';
import { createCertificateCallers } from '#test/support/certificatecallers.ts';
import { eventually } from '#test/support/eventually.ts';
import { type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import { RecordingObserver } from '#test/support/snapshots.ts';
import { typeUrl, unpack } from '#wire/index.ts';
import { createDiscoveryService, createGrpcListener, type DiscoveryService } from '#xds/index.ts';

const NAME_TABLE_URL = typeUrl('istio.networking.nds.v1.NameTable');
const serverName = 'istiod.istio-system.svc';
const ignore = () => undefined;
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const ratings = 'ratings.bookinfo.svc.cluster.local';

describe('the name table, from objects to an agent', () => {
  let pipeline: Pipeline;
  let authority: CertificateAuthority;
  let observer: RecordingObserver;
  let discovery: DiscoveryService;
  let metrics: ReturnType<typeof createMetrics>;
  let stopServer: AbortController;
  let stopAgent: AbortController;
  let serving: Promise<unknown>;
  let following: Promise<void>;
  let table: NameTable;
  let port: number;
  let updates: number;
  const streams: { close(): void }[] = [];

  const startServer = async (onPort = 0): Promise<void> => {
    stopServer = new AbortController();
    observer = new RecordingObserver();
    metrics = createMetrics();
    const common = { clock: systemClock, logger: silentLogger };
    const certificate = new ServerCertificate({ ...common, authority, dnsNames: [serverName] });
    const renewing = certificate.run(stopServer.signal);
    await eventually(
      () => certificate.current,
      (current) => expect(current).to.not.equal(undefined),
    );
    discovery = createDiscoveryService({ source: pipeline.source, observer, logger: silentLogger, metrics });
    const callers = createCertificateCallers(authority);
    await new Promise<void>((resolve, reject) => {
      const running = createGrpcListener({
        name: 'xds',
        address: `127.0.0.1:${onPort}`,
        credentials: buildServerCredentials(certificate),
        services: [(server, connections) => discovery.register(server, connections, callers)],
        onStop: () => discovery.close(),
        onListening: (bound) => {
          port = bound;
          resolve();
        },
        logger: silentLogger,
      }).run(stopServer.signal);
      running.catch(reject);
      serving = Promise.all([renewing, running]);
    });
  };

  const stopServing = async (): Promise<void> => {
    stopServer.abort();
    await serving;
  };

  /** Follows the names as a pod that says it is of this namespace. */
  const startAgent = (namespace: string): void => {
    const proof = { ...issueCredentials(authority), roots: authority.rootsPem };
    const node = `${namespace}.svc.cluster.local`;
    const topic = new NameTopic({
      ...{ table, log: silent },
      onUpdate: () => {
        updates += 1;
      },
    });
    const source = new OwnStream({
      discovery: { host: '127.0.0.1', port, serverName },
      node: {
        id: `sidecar~10.0.0.1~web.${namespace}~${node}`,
        metadata: { NAME: 'web', NAMESPACE: namespace, INSTANCE_IPS: '10.0.0.1', LABELS: { app: 'web' } },
      },
      credentials: () => proof,
      ...{ topics: [topic], clock: systemClock, random: Math.random, log: silent },
    });
    stopAgent = new AbortController();
    following = source.run(stopAgent.signal);
  };

  const resolves = (name: string, address: string | undefined) =>
    eventually(
      () => table.lookup(name)?.addresses[0],
      (found) => expect(found).to.equal(address),
    );

  beforeEach(async () => {
    pipeline = startPipeline();
    pipeline.objects.apply(service('ratings', '10.96.0.30'));
    authority = await openAuthority();
    table = new NameTable({ namespace: 'default', domain: 'svc.cluster.local', search: [] });
    updates = 0;
    await startServer();
  });

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    stopAgent.abort();
    await following;
    await stopServing();
    await pipeline.stop();
  });

  it('comes in parts, of which a change sends the one that it is in', async () => {
    startAgent('default');
    await resolves(ratings, '10.96.0.30');
    const pushed = async () =>
      Number(/pilot_xds_config_size_bytes_sum\{type="nds"\} (\d+)/.exec((await metrics.render()).text)?.[1]);
    const before = await pushed();
    const seen = updates;
    pipeline.objects.apply(service('other', '10.96.0.99', 80, 'elsewhere'));
    await resolves('other.elsewhere.svc.cluster.local', '10.96.0.99');
    expect(updates).to.equal(seen + 1);
    expect((await pushed()) - before).to.be.below(300);
    pipeline.objects.delete('Service', 'elsewhere', 'other');
    await resolves('other.elsewhere.svc.cluster.local', undefined);
    expect(table.lookup(ratings)?.addresses).to.deep.equal(['10.96.0.30']);
  });

  it('makes no proxy of the agent: none is connected, reported, counted or listed, whatever it acknowledges', async () => {
    startAgent('default');
    await resolves(ratings, '10.96.0.30');
    await pipeline.settled();
    expect(observer.events).to.deep.equal([]);
    expect(discovery.streams()).to.deep.equal([]);
    expect(pipeline.source.combinations()).to.deep.equal([]);
    expect((await metrics.render()).text).not.to.match(/^pilot_xds\{.*\} [1-9]/m);
    expect((await metrics.render()).text).to.match(/pilot_xds_pushes\{type="nds"\} [1-9]/);
  });

  it('is served to the workload that it says it is, and an agent gets nothing else', async () => {
    startAgent('bookinfo');
    const asAgent = (type: string, namespace: string) => {
      const { privateKey, chain } = issueCredentials(authority);
      const channel = credentials.createSsl(
        Buffer.from(authority.rootsPem),
        Buffer.from(privateKey),
        Buffer.from(chain),
      );
      const stream = openDelta(port, { credentials: channel });
      streams.push(stream);
      stream.send({ node: sidecarNode('web', namespace, { GENERATOR: 'agent' }), typeUrl: type });
      return stream.ended;
    };
    expect(await asAgent(CLUSTER_URL, 'default')).to.deep.include({ code: status.PERMISSION_DENIED });
    expect(await asAgent(typeUrl('istio.networking.nds.v1.NameTable'), 'bookinfo')).to.deep.include({
      code: status.PERMISSION_DENIED,
    });
    expect(table.complete).to.equal(false);
  });

  for (const protocol of ['delta', 'state of the world'] as const) {
    it(`comes as one resource to a proxy whose agent passes Envoy’s stream on, as Istio’s does, and at once: ${protocol}`, async () => {
      const { privateKey, chain } = issueCredentials(authority);
      const options = {
        credentials: credentials.createSsl(
          Buffer.from(authority.rootsPem),
          Buffer.from(privateKey),
          Buffer.from(chain),
        ),
      };
      const clusters = { node: sidecarNode('web'), typeUrl: CLUSTER_URL };
      const first = async () => {
        if (protocol === 'delta') {
          const stream = openDelta(port, options);
          streams.push(stream);
          stream.send(clusters);
          await stream.next();
          stream.send({ typeUrl: NAME_TABLE_URL });
          return (await stream.next()).resources?.map(({ resource }) => resource);
        }
        const stream = openWorld(port, options);
        streams.push(stream);
        stream.send(clusters);
        await stream.next();
        stream.send({ typeUrl: NAME_TABLE_URL });
        return (await stream.next()).resources;
      };
      // Istio's agent takes the first resource of a response, and does not acknowledge one without any.
      const resources = (await first()) ?? [];
      expect(resources).to.have.length(1);
      const { table: names = {} } = unpack('istio.networking.nds.v1.NameTable', resources[0] ?? {}) ?? {};
      expect(names).to.deep.equal({
        [ratings]: { ips: ['10.96.0.30'], registry: 'Kubernetes', shortname: 'ratings', namespace: 'bookinfo' },
      });
      expect(observer.events).to.deep.equal(['connected web']);
    });
  }

  it('stays in force while the control plane is away, and only what changed comes when it is back', async () => {
    startAgent('default');
    await resolves(ratings, '10.96.0.30');
    await stopServing();
    expect(table.lookup(ratings)?.addresses).to.deep.equal(['10.96.0.30']);
    pipeline.objects.apply(service('other', '10.96.0.99', 80, 'elsewhere'));
    await startServer(port);
    await resolves('other.elsewhere.svc.cluster.local', '10.96.0.99');
    expect(table.lookup(ratings)?.addresses).to.deep.equal(['10.96.0.30']);
    expect((await metrics.render()).text).to.match(/pilot_xds_config_size_bytes_sum\{type="nds"\} [12]\d\d$/m);
  });
});
