import { expect } from 'chai';
import type { Deployment } from '#test/support/deployment.ts';
import { eventually } from '#test/support/eventually.ts';
import { Stream } from '#test/support/insider.ts';
import { MeshUnderLoad, SECURE_PORT } from '#test/support/meshload.ts';

const INTERVAL_MS = 10;

/** A rule with one subset per name, each of a version. */
const rule = (host: string, subsets: Readonly<Record<string, string>>) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${host}, namespace: shop}
spec:
  host: ${host}
  subsets: ${JSON.stringify(Object.entries(subsets).map(([name, version]) => ({ name, labels: { version } })))}
---`;

const virtualService = (name: string, spec: object) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: shop}
spec: ${JSON.stringify(spec)}
---`;

/** Everything to one subset, for clients in the mesh and behind the gateway; some paths elsewhere. */
function routes(subset: string, elsewhere: Readonly<Record<string, string>> = {}): string {
  const port = { number: 9080 };
  const http = [
    ...Object.entries(elsewhere).map(([prefix, host]) => ({
      match: [{ uri: { prefix } }],
      route: [{ destination: { host, port } }],
    })),
    { route: [{ destination: { host: 'reviews', subset, port } }] },
  ];
  return (
    virtualService('reviews', { hosts: ['reviews'], http }) +
    virtualService('public', { hosts: ['shop.example.com'], gateways: ['public'], http })
  );
}

const clusterOf = (subset: string, host = 'reviews', port = 9080) =>
  `outbound|${port}|${subset}|${host}.shop.svc.cluster.local`;

describe('what has to wait, under load', () => {
  let world: MeshUnderLoad;
  let reviews: Deployment;

  before(async function () {
    this.timeout(60_000);
    world = await MeshUnderLoad.start();
    reviews = world.plan({ name: 'reviews', port: 9080, protocol: 'http' });
    const pods = ['v1', 'v1', 'v2', 'v2'].map((version) => reviews.plan(version));
    await world.run(reviews, pods);
    reviews.create(pods);
    // What a retry would mend counts as a failure.
    world.mesh.pipeline.objects.applyMeshConfig({ defaultHttpRetryPolicy: { attempts: 0 } });
    world.apply(rule('reviews', { first: 'v1' }) + routes('first'));
    await world.startProxies();
    await world.load.inside.aim(world.targetOf(reviews));
    await world.load.outside.aim(world.gatewayTarget(['reviews']));
    await Promise.all([world.load.inside.start(INTERVAL_MS), world.load.outside.start(INTERVAL_MS)]);
  });

  afterEach(() => {
    expect(world.failures).to.deep.equal([]);
    expect(world.mesh.rejections).to.deep.equal([]);
    expect(world.mesh.pipeline.faults).to.deep.equal([]);
  });

  after(async () => {
    await world?.stop();
  });

  const programmed = (name: string) => world.mesh.condition('VirtualService', 'shop', name, 'Programmed');
  const becomes = (name: string, expected: object) =>
    eventually(
      () => programmed(name),
      (condition) => expect(condition).to.deep.include(expected),
    );
  const dumpsOf = (path: string) => Promise.all([world.sidecar?.admin(path), world.gateway?.admin(path)]);
  /** Whether both proxies route to this cluster. */
  const routedTo = (cluster: string) =>
    eventually(
      () => dumpsOf('/config_dump'),
      (dumps) => {
        for (const dump of dumps) expect(dump).to.contain(`"cluster": "${cluster}"`);
      },
    );
  /** Lets requests pass that meet what is now. */
  const underWay = () => new Promise((resolve) => setTimeout(resolve, 3_000));

  it('a subset that chooses other pods: the requests move to them', async () => {
    const answering = async (version: string) => {
      const pods = reviews.of(version).map(({ ip }) => ip);
      const { address, port } = reviews.options;
      const stream = new Stream(world.network.command('pod', 1000), address, port, 'reviews');
      await eventually(
        () => stream.answers.slice(-10).map(({ pod }) => pod),
        (last) =>
          expect(last)
            .to.have.length(10)
            .and.satisfy(() => last.every((pod) => pods.includes(pod))),
      );
      await stream.end();
    };
    await answering('v1');
    world.apply(rule('reviews', { first: 'v2' }));
    await answering('v2');
  });

  it('a VirtualService seconds before its DestinationRule: the routes in force stay, and status says what is missing', async () => {
    world.apply(routes('early'));
    for (const name of ['reviews', 'public']) {
      await becomes(name, {
        status: 'False',
        reason: 'WaitingForClusters',
        message: `held back until these clusters are warm: ${clusterOf('early')}`,
      });
    }
    await underWay();
    world.apply(rule('reviews', { early: 'v2' }));
    await world.mesh.converged();
    for (const name of ['reviews', 'public']) await becomes(name, { status: 'True', reason: 'Programmed' });
    await routedTo(clusterOf('early'));
  });

  it('a DestinationRule seconds before its VirtualService: the clusters in use stay', async () => {
    world.apply(rule('reviews', { late: 'v1' }));
    await world.mesh.converged();
    await underWay();
    world.apply(routes('late'));
    await world.mesh.converged();
    await routedTo(clusterOf('late'));
  });

  it('a subset that never comes: its routes go in the end and hurt nobody else', async () => {
    const other = world.plan({ name: 'other', port: 9080, protocol: 'http' });
    const pods = [other.plan('v1')];
    await world.run(other, pods);
    other.create(pods);
    await world.mesh.converged();
    const spec = { hosts: ['other'], http: [{ route: [{ destination: { host: 'other', subset: 'never' } }] }] };
    world.apply(virtualService('other', spec));
    await becomes('other', { reason: 'WaitingForClusters' });
    await eventually(
      () => world.sidecar?.admin('/config_dump'),
      (dump) => expect(dump).to.contain(`"cluster": "${clusterOf('never', 'other')}"`),
    );
    // The wait has come to its end without what was waited for.
    expect(await world.sidecar?.admin('/clusters')).not.to.contain(clusterOf('never', 'other'));
    await becomes('other', { status: 'True', reason: 'Programmed' });
    expect(world.mesh.condition('VirtualService', 'shop', 'other', 'ResolvedRefs')).to.include({ status: 'False' });
    world.mesh.pipeline.objects.delete('VirtualService', 'shop', 'other');
    await world.mesh.converged();
  }).timeout(60_000);

  it('a listener that is replaced: a stream through the old one goes on until that has drained, and is then closed', async () => {
    const ledger = world.plan({ name: 'ledger', port: 7100, protocol: 'tcp' });
    const pods = ['v1', 'v2'].map((version) => ledger.plan(version));
    await world.run(ledger, pods);
    ledger.create(pods);
    const route = (subset: string) =>
      rule('ledger', { [subset]: subset }) +
      virtualService('ledger', {
        hosts: ['ledger'],
        tcp: [{ route: [{ destination: { host: 'ledger', subset } }] }],
      });
    world.apply(route('v1'));
    await world.mesh.converged();
    const open = () => new Stream(world.network.command('pod', 1000), ledger.options.address, 7100);
    const [before, after] = pods.map(({ ip }) => ip);
    const old = open();
    const answers = (stream: Stream, pod: string | undefined, more: number) => {
      const already = stream.answers.length;
      return eventually(
        () => stream,
        ({ answers, closed }) => {
          expect(closed).to.equal(undefined);
          expect(answers.length).to.be.greaterThan(already + more);
          expect(answers.at(-1)?.pod).to.equal(pod);
        },
      );
    };
    try {
      await answers(old, before, 5);
      world.apply(route('v2'));
      await world.mesh.converged();
      await answers(old, before, 5);
      const fresh = open();
      try {
        await answers(fresh, after, 5);
        await eventually(
          () => old.closed,
          (closed) => expect(closed).not.to.equal(undefined),
        );
        await answers(fresh, after, 5);
      } finally {
        await fresh.end();
      }
      await eventually(
        () => world.sidecar?.admin('/clusters'),
        (clusters) => expect(clusters).not.to.contain(clusterOf('v1', 'ledger', 7100)),
      );
    } finally {
      await old.end();
    }
  });

  it('every listener replaced at once, again and again, for HTTP and TCP', async () => {
    const raw = world.plan({ name: 'raw', port: 7300, protocol: 'tcp' });
    const pods = [raw.plan('v1')];
    await world.run(raw, pods);
    raw.create(pods);
    await world.mesh.converged();
    await world.load.inside.aim(world.targetOf(raw));
    for (let round = 0; round < 20; round += 1) {
      const accessLogFile = round % 2 === 0 ? '/dev/null' : '';
      world.mesh.pipeline.objects.applyMeshConfig({ defaultHttpRetryPolicy: { attempts: 0 }, accessLogFile });
      await world.mesh.converged();
    }
    await world.load.inside.leave('raw');
  }).timeout(60_000);

  it('a port that changes its protocol: no connection finds neither listener', async () => {
    const shift = world.plan({ name: 'shift', port: 7200, protocol: 'tcp' });
    const pods = [shift.plan('v1')];
    await world.run(shift, pods);
    shift.create(pods);
    await world.mesh.converged();
    await world.load.inside.aim({ ...world.targetOf(shift), fresh: true });
    for (let round = 0; round < 10; round += 1) {
      for (const protocol of ['http', 'tcp'] as const) {
        shift.speak(protocol);
        await world.mesh.converged();
      }
    }
    await world.load.inside.leave('shift');
  });

  it('a secret that is missing: other hosts of its port go on, and it is served when it comes', async () => {
    const { authority, pipeline } = world.mesh;
    const certificate = (name: string, host: string) => {
      const { chain, privateKey } = authority.issueServer([host]);
      const base64 = (text: string) => Buffer.from(text).toString('base64');
      return {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace: 'istio-system' },
        ...{ type: 'kubernetes.io/tls', data: { 'tls.crt': base64(chain.join('')), 'tls.key': base64(privateKey) } },
      };
    };
    const gateway = (...hosts: readonly string[]) => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: secure, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: ${JSON.stringify(
    hosts.map((name) => ({
      port: { number: 443, name: `https-${name}`, protocol: 'HTTPS' },
      hosts: [`${name}.example.com`],
      tls: { mode: 'SIMPLE', credentialName: name },
    })),
  )}
---`;
    const target = (name: string) => ({
      ...{ id: name, host: world.network.addresses.peer, port: SECURE_PORT, apps: ['reviews'] },
      headers: { host: `${name}.example.com` },
      tls: { servername: `${name}.example.com`, ca: authority.rootsPem },
    });
    const destination = { host: 'reviews', port: { number: 9080 } };
    pipeline.objects.apply([certificate('present', 'present.example.com')]);
    world.apply(
      gateway('present') +
        virtualService('secure', { hosts: ['*'], gateways: ['secure'], http: [{ route: [{ destination }] }] }),
    );
    await world.mesh.converged();
    await world.load.outside.aim(target('present'));
    world.apply(gateway('present', 'absent'));
    await world.mesh.converged();
    expect(world.mesh.condition('Gateway', 'shop', 'secure', 'ResolvedRefs')?.message).to.contain('Secret absent');
    // The listener waits for the secret, but not for good.
    await eventually(
      () => world.gateway?.admin('/config_dump?resource=dynamic_listeners'),
      (dump) => expect(dump).to.contain('absent.example.com').and.not.to.contain('"warming_state"'),
    );
    expect(await world.gateway?.admin('/certs')).not.to.contain('absent.example.com');
    expect(world.mesh.condition('Gateway', 'shop', 'secure', 'ResolvedRefs')?.reason).to.equal('RefNotFound');
    await underWay();
    pipeline.objects.apply([certificate('absent', 'absent.example.com')]);
    await eventually(
      () => world.gateway?.admin('/certs'),
      (certs) => expect(certs).to.contain('absent.example.com'),
    );
    await world.load.outside.aim(target('absent'));
    await underWay();
    await Promise.all(['present', 'absent'].map((name) => world.load.outside.leave(name)));
  }).timeout(60_000);

  it('a host that does not resolve: only what names it waits, and not for long', async () => {
    const elsewhere = { '/nowhere': 'nowhere.invalid' };
    world.apply(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: nowhere, namespace: shop}
spec: {hosts: [nowhere.invalid], resolution: DNS, ports: [{name: http, number: 9080, protocol: HTTP}]}
---`);
    world.apply(rule('reviews', { two: 'v2' }) + routes('two', elsewhere));
    await becomes('reviews', {
      status: 'False',
      reason: 'WaitingForClusters',
      message: `held back until these clusters are warm: outbound|9080||nowhere.invalid`,
    });
    await routedTo(clusterOf('two'));
    // The wait has come to its end without what was waited for: the cluster is not warm, and no cluster is acknowledged.
    for (const dump of await dumpsOf('/config_dump?resource=dynamic_warming_clusters'))
      expect(dump).to.contain('nowhere.invalid');
    await becomes('reviews', { status: 'True', reason: 'Programmed' });
    for (const [subset, version] of Object.entries({ three: 'v1', four: 'v2', five: 'v1' })) {
      world.apply(rule('reviews', { [subset]: version }) + routes(subset, elsewhere));
      await routedTo(clusterOf(subset));
    }
    // Envoy acknowledges no clusters while that one warms; what has to do with none of them is in force and says so.
    const timeout = { timeout: '7s', route: [{ destination: { host: 'other' } }] };
    world.apply(virtualService('other', { hosts: ['other'], http: [timeout] }));
    await becomes('other', { status: 'True', reason: 'Programmed' });
    expect(await world.sidecar?.admin('/config_dump')).to.contain('"timeout": "7s"');
    expect(world.mesh.condition('ServiceEntry', 'shop', 'nowhere', 'Programmed')).to.include({ status: 'False' });
    world.mesh.pipeline.objects.delete('VirtualService', 'shop', 'other');
    world.apply(routes('five'));
    world.mesh.pipeline.objects.delete('ServiceEntry', 'shop', 'nowhere');
    await world.mesh.converged();
  }).timeout(60_000);
});
