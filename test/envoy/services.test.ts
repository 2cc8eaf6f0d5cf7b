import { expect } from 'chai';
import type { RunningEnvoy } from '#test/support/envoy.ts';
import { eventually } from '#test/support/eventually.ts';
import { MeshNetwork } from '#test/support/meshnetwork.ts';
import { NetworkPair } from '#test/support/netns.ts';
import { redirectPod } from '#test/support/redirected.ts';

/** Two pods at the other end of the cable, which say who they are; the node of the first is the client's own. */
const pods = [
  { name: 'web-0', ip: '10.98.0.11', node: 'node-a' },
  { name: 'web-1', ip: '10.98.0.12', node: 'node-b' },
] as const;
const VIP = '10.96.0.30';

/** HTTP on 8080; on 9000 a server that speaks first and says who it is. */
const application = `
  const pods = ${JSON.stringify(pods)};
  let open = 2 * pods.length;
  for (const { name, ip } of pods) require('node:net').createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(name);
  }).listen(9000, ip, () => { if (--open === 0) console.log('ready'); });
  for (const { name, ip } of pods) require('node:http').createServer((request, response) => response.end(name))
    .listen(8080, ip, () => { if (--open === 0) console.log('ready'); });`;

const world = [
  ...['a', 'b'].map((zone) => ({
    kind: 'Node',
    metadata: {
      name: `node-${zone}`,
      labels: { 'topology.kubernetes.io/region': 'r', 'topology.kubernetes.io/zone': zone },
    },
  })),
  ...[...pods, { name: 'client', ip: '10.98.0.1', node: 'node-a' }].map(({ name, ip, node }) => ({
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels: { app: name === 'client' ? name : 'web' } },
    spec: { nodeName: node },
    status: { podIP: ip },
  })),
];

type Condition = 'ready' | 'unready' | 'terminating';

/** A Service and the slice of both pods. */
function web(name: string, spec: object, conditions: readonly [Condition, Condition] = ['ready', 'ready']) {
  const endpoints = pods.map((pod, at) => ({
    addresses: [pod.ip],
    hostname: pod.name,
    nodeName: pod.node,
    conditions: {
      ready: conditions[at] === 'ready',
      serving: conditions[at] !== 'unready',
      terminating: conditions[at] === 'terminating',
    },
    targetRef: { kind: 'Pod', name: pod.name },
  }));
  return [
    {
      kind: 'Service',
      metadata: { name, namespace: 'shop' },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 8080 }], ...spec },
    },
    {
      kind: 'EndpointSlice',
      metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': name } },
      ...{ addressType: 'IPv4', ports: [{ name: 'http', port: 8080 }], endpoints },
    },
  ];
}

describe('Services through a sidecar with real redirection', function () {
  this.timeout(60_000);
  let network: NetworkPair;
  let mesh: MeshNetwork;
  let stopApplication: (() => Promise<void>) | undefined;
  let sidecar: RunningEnvoy | undefined;

  before(async () => {
    network = await NetworkPair.create();
    mesh = await MeshNetwork.start();
    for (const { ip } of pods) {
      const added = await network.run('peer', ['ip', 'address', 'add', `${ip}/24`, 'dev', 'eth0']);
      expect(added.stderr).to.equal('');
    }
    stopApplication = await network.serve('peer', application);
    // Whatever the mesh does not know is refused, so that an answer proves that the mesh carried the request.
    mesh.pipeline.objects.applyMeshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } });
    mesh.pipeline.objects.apply([
      ...world,
      ...web('stateful', { clusterIP: 'None' }),
      ...web('web', { clusterIP: VIP }),
    ]);
    await redirectPod(network);
    sidecar = await mesh.startProxy({
      ...{ type: 'sidecar', pod: 'client', namespace: 'shop', serviceAccount: 'default', ip: '10.98.0.1' },
      ...{ labels: {}, within: network.command('pod', 1337) },
    });
  });
  after(async () => {
    await mesh?.stop();
    await stopApplication?.();
    await network?.remove();
  });
  afterEach(() => {
    expect(mesh.rejections).to.deep.equal([]);
    expect(mesh.pipeline.faults).to.deep.equal([]);
  });

  /** Statuses and bodies of that many requests, one after the other. */
  const ask = async (host: string, ip: string, times = 1): Promise<readonly string[]> => {
    const script = `
      const { get } = require('node:http');
      const once = () => new Promise((resolve) => {
        const options = { host: ${JSON.stringify(ip)}, port: 8080, headers: { host: ${JSON.stringify(host)} }, agent: false, timeout: 5000 };
        const request = get(options, (response) => {
          let body = '';
          response.on('data', (chunk) => { body += chunk; });
          response.on('end', () => resolve(response.statusCode + (response.statusCode === 200 ? ' ' + body : '')));
        });
        request.on('timeout', () => request.destroy(new Error('timeout')));
        request.on('error', (error) => resolve(error.code ?? error.message));
      });
      (async () => { for (let i = 0; i < ${times}; i += 1) console.log(await once()); })();`;
    const { stdout } = await network.run('pod', [process.execPath, '-e', script], 1000);
    return stdout.trim().split('\n');
  };
  const settled = async (host: string, ip: string, expected: readonly string[]) => {
    await eventually(
      async () => [...new Set(await ask(host, ip, 8))].sort(),
      (replies) => expect(replies).to.deep.equal(expected),
    );
  };

  it('reaches each pod of a StatefulSet by its name, and by nothing that no Service has', async () => {
    for (const { name, ip } of pods) {
      for (const host of [`${name}.stateful`, `${name}.stateful.shop`, `${name}.stateful.shop.svc.cluster.local:8080`])
        expect(await ask(host, ip), host).to.deep.equal([`200 ${name}`]);
    }
    expect(await ask('web-0.unknown', pods[0].ip)).to.deep.equal(['502']);
    const clusters = (await sidecar?.admin('/clusters')) ?? '';
    for (const { ip } of pods)
      expect(clusters).to.contain(`outbound|8080||stateful.shop.svc.cluster.local::${ip}:8080::rq_total::3`);
  });

  it('reaches a Service by the names of a Service of type ExternalName while that one is there', async () => {
    expect(await ask('store', VIP)).to.deep.equal(['502']);
    const store = {
      kind: 'Service',
      metadata: { name: 'store', namespace: 'shop' },
      spec: { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' },
    };
    mesh.pipeline.objects.apply([store]);
    await settled('store', VIP, ['200 web-0', '200 web-1']);
    await settled('store.shop.svc.cluster.local', VIP, ['200 web-0', '200 web-1']);
    mesh.pipeline.objects.delete('Service', 'shop', 'store');
    await settled('store', VIP, ['502']);
  });

  it('prefers endpoints of the own zone while they are ready, and goes on to the other one', async () => {
    const close = { clusterIP: VIP, trafficDistribution: 'PreferClose' };
    await settled('web', VIP, ['200 web-0', '200 web-1']);
    mesh.pipeline.objects.apply(web('web', close));
    await settled('web', VIP, ['200 web-0']);
    mesh.pipeline.objects.apply(web('web', close, ['unready', 'ready']));
    await settled('web', VIP, ['200 web-1']);
    mesh.pipeline.objects.apply(web('web', close));
    await settled('web', VIP, ['200 web-0']);
  });

  it('stays on the own node where the Service says so', async () => {
    const local = { clusterIP: VIP, internalTrafficPolicy: 'Local' };
    mesh.pipeline.objects.apply(web('web', local));
    await settled('web', VIP, ['200 web-0']);
    mesh.pipeline.objects.apply(web('web', local, ['unready', 'ready']));
    await settled('web', VIP, ['503']);
  });

  it('goes on with endpoints that end while there is no other', async () => {
    mesh.pipeline.objects.apply(web('web', { clusterIP: VIP }, ['terminating', 'ready']));
    await settled('web', VIP, ['200 web-1']);
    mesh.pipeline.objects.apply(web('web', { clusterIP: VIP }, ['terminating', 'unready']));
    await settled('web', VIP, ['200 web-0']);
  });

  it('waits for the client of a port without a protocol as long as the mesh says, and then passes on', async () => {
    mesh.pipeline.objects.apply([
      {
        kind: 'Service',
        metadata: { name: 'greeter', namespace: 'shop' },
        ...{ spec: { clusterIP: '10.96.0.31', ports: [{ name: 'unnamed', port: 9000 }] } },
      },
      {
        kind: 'EndpointSlice',
        metadata: { name: 'greeter', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'greeter' } },
        ...{ addressType: 'IPv4', ports: [{ name: 'unnamed', port: 9000 }] },
        ...{ endpoints: [{ addresses: [pods[1].ip], targetRef: { kind: 'Pod', name: pods[1].name } }] },
      },
    ]);
    mesh.pipeline.objects.applyMeshConfig({
      ...{ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' }, protocolDetectionTimeout: '200ms' },
    });
    await eventually(
      () => network.dial('pod', '10.96.0.31', 9000, { uid: 1000 }),
      (greeting) => expect(greeting).to.equal('web-1'),
    );
  });
});
