import { expect } from 'chai';
import { endpointSlice, pod, service } from '#test/support/bookinfo.ts';
import { MeshNetwork } from '#test/support/meshnetwork.ts';
import { NetworkPair } from '#test/support/netns.ts';
import { askFrom, startClient } from '#test/support/redirected.ts';

const ownPorts = [15001, 15006, 15021, 15090];

/** Answers every request with its own port. */
const application = (...ports: readonly number[]) => `
  const ports = ${JSON.stringify(ports)};
  let open = ports.length;
  for (const port of ports) require('node:http').createServer((request, response) => {
    response.end(JSON.stringify({ port }));
  }).listen(port, () => { if (--open === 0) console.log('ready'); });`;

const entry = (name: string, protocol: string, more = '') => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: thieves}
spec:
  hosts: [${name}.example.com]
  ${more}
  ports: [${ownPorts.map((port) => `{number: ${port}, name: p${port}, protocol: ${protocol}}`).join(', ')}]
---`;

/** Whatever could stand where proxies listen, declared by a namespace that has nothing to do with the others. */
const thieves = [
  ...ownPorts.map((port) => service(`http-${port}`, `10.96.1.${port - 15000}`, port, 'thieves')),
  ...ownPorts.map((port) => service(`tcp-${port}`, `10.96.2.${port - 15000}`, port, 'thieves', 'tcp')),
  entry('http', 'HTTP'),
  entry('tcp', 'TCP'),
  entry('tls', 'TLS'),
  entry('anywhere', 'TCP', 'addresses: [0.0.0.0]'),
].join('\n');

describe('services on the ports of proxies', () => {
  let network: NetworkPair;
  let mesh: MeshNetwork;
  const stops: (() => Promise<void>)[] = [];

  before(async function () {
    this.timeout(60_000);
    network = await NetworkPair.create();
    mesh = await MeshNetwork.start();
    const { peer } = network.addresses;
    mesh.pipeline.objects.apply(
      [
        thieves,
        // The endpoints of these stand beside the mesh, as pods without a sidecar.
        pod({ app: 'shop', version: 'v1', ip: peer, mesh: false }),
        service('shop', '10.96.0.60', 80),
        endpointSlice('shop', [{ ip: peer, pod: 'shop-v1-0' }], 7080),
        pod({ app: 'tcp-15006', version: 'v1', ip: peer, mesh: false, namespace: 'thieves' }),
        endpointSlice('tcp-15006', [{ ip: peer, pod: 'tcp-15006-v1-0' }], 7081, 'thieves', 'tcp'),
        service('client', '10.96.0.61', 9090),
        // A port of the workload's own that is the proxy's.
        service('own', '10.96.0.62', 15006, 'bookinfo', 'tcp').replace('{app: own}', '{app: client}'),
        `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: bookinfo}
spec: {mtls: {mode: DISABLE}}
---`,
      ].join('\n'),
    );
    stops.push(await network.serve('peer', application(7080, 7081)));
    stops.push(await network.serve('pod', application(9090)));
  });

  after(async () => {
    await mesh?.stop();
    for (const stop of stops) await stop();
    await network?.remove();
  });

  const ask = (inside: 'pod' | 'peer', url: string, host?: string) =>
    askFrom<{ port: number }>(network, inside, url, host === undefined ? {} : { headers: { host } });

  it('take nothing from a sidecar that starts when they are there', async () => {
    const client = await startClient(mesh, network);
    await mesh.converged();
    expect(mesh.rejections).to.deep.equal([]);
    expect(mesh.pipeline.faults).to.deep.equal([]);
    const listeners = (await client.admin('/listeners')).split('\n').map((line) => line.split('::')[0]);
    expect(listeners).to.include.members(['virtualOutbound', 'virtualInbound', 'agent-readiness', 'prometheus']);
    expect(await ask('pod', 'http://10.96.0.60/', 'shop'), 'outbound').to.include({ status: 200, port: 7080 });
    expect(await ask('peer', `http://${network.addresses.pod}:9090/`), 'inbound').to.include({
      ...{ status: 200, port: 9090 },
    });
    expect(await ask('pod', 'http://10.96.2.6:15006/'), 'on an address of their own').to.include({
      ...{ status: 200, port: 7081 },
    });
  }).timeout(60_000);

  it('are not served by gateways that listen there for themselves, which serve the rest', async () => {
    mesh.pipeline.objects.apply(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: edge}
spec:
  selector: {istio: edge}
  servers:
  - {port: {number: 15021, name: http-own, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 15090, name: http-metrics, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 8000, name: http, protocol: HTTP}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: edge}
spec:
  hosts: ["*"]
  gateways: [edge]
  http: [{route: [{destination: {host: shop.bookinfo.svc.cluster.local}}]}]
`);
    await mesh.startProxy({
      ...{ type: 'router', pod: 'edge-0', namespace: 'edge', serviceAccount: 'edge', ip: network.addresses.peer },
      ...{ labels: { istio: 'edge' }, within: network.command('peer', 1337) },
    });
    await mesh.converged();
    expect(mesh.rejections).to.deep.equal([]);
    expect(await ask('peer', 'http://127.0.0.1:8000/')).to.include({ status: 200, port: 7080 });
    expect(mesh.condition('Gateway', 'edge', 'edge', 'Conflicted')).to.include({
      status: 'True',
      message:
        'spec.servers[0].port: the proxy itself listens at port 15021; spec.servers[1].port: the proxy itself listens at port 15090',
    });
  }).timeout(60_000);
});
