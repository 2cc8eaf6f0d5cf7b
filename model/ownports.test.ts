import { expect } from 'chai';
import { createTestMesh, type TestMesh } from './testing/mesh.ts';
import { podObject, serviceObjects } from './testing/objects.ts';
import { client, listenersOf, shops, sidecar, tablesOf } from './testing/outbound.ts';
import type { ProxyFacts } from './types/proxy.ts';

const own = [15001, 15006, 15021, 15090];

/** A namespace that takes all the ports it can. */
function meshWithThief(): TestMesh {
  const mesh = shops();
  mesh.source.apply([
    ...serviceObjects({
      name: 'thief',
      namespace: 'thieves',
      address: '10.96.0.66',
      ports: [...own, 15020, 15053, 15521].map((port) => `http:${port}`),
    }),
    ...serviceObjects({
      name: 'quiet',
      namespace: 'thieves',
      address: '10.96.0.67',
      ports: own.map((port) => `tcp:${port}`),
    }),
  ]);
  return mesh;
}

const entry = (spec: string) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: thief, namespace: thieves}
spec: ${spec}
`;
const portsOf = (numbers: readonly number[], protocol: string) =>
  `ports: [${numbers.map((number) => `{number: ${number}, name: p${number}${protocol && `, protocol: ${protocol}`}}`).join(', ')}]`;

/** Ports of the listeners on any address, and of tables. */
function portsOnAnyAddress(mesh: TestMesh, proxy: Partial<ProxyFacts> = client) {
  const listeners = [...listenersOf(mesh, proxy).values()]
    .filter(({ name, addresses }) => name.startsWith('0.0.0.0') && addresses[0]?.address === '0.0.0.0')
    .map(({ name }) => Number(name.split('_')[1]))
    .sort((a, b) => a - b);
  const tables = [...tablesOf(mesh, proxy).keys()].map(Number).filter((port) => !Number.isNaN(port));
  return { listeners, tables: tables.sort((a, b) => a - b) };
}

const usual = [80, 90, 8080];

describe('the ports at which a proxy listens for itself', () => {
  it('are no services’ on any address, and theirs on addresses of their own', () => {
    const mesh = meshWithThief();
    const left = [...usual, 15020, 15053, 15521];
    expect(portsOnAnyAddress(mesh)).to.deep.equal({ listeners: left, tables: left });
    expect([...listenersOf(mesh).keys()]).to.include.members(own.map((port) => `10.96.0.67_${port}`));
  });

  it('are those that the proxy says, and that the mesh says', () => {
    const mesh = meshWithThief();
    const elsewhere = { ...client, ownPorts: { readiness: 15521 } };
    const left = [...usual, 15020, 15021, 15053];
    expect(portsOnAnyAddress(mesh, elsewhere)).to.deep.equal({ listeners: left, tables: left });
    const same = { ...client, ownPorts: { readiness: 15021, prometheus: 15090 } };
    expect(mesh.keysOf(same), 'the usual ones are shared').to.deep.equal(mesh.keysOf(client));
    mesh.source.applyMeshConfig({ proxyListenPort: 80, proxyInboundListenPort: 8080 });
    const rest = [90, 15001, 15006, 15020, 15053, 15521];
    expect(portsOnAnyAddress(mesh)).to.deep.equal({ listeners: rest, tables: rest });
  });

  it('are no ServiceEntry’s, whatever it speaks, unless it has an address', () => {
    for (const protocol of ['HTTP', 'TCP', 'TLS', '']) {
      const mesh = shops();
      mesh.source.apply(entry(`{hosts: [a.com], resolution: STATIC, ${portsOf([...own, 15020], protocol)}}`));
      expect(portsOnAnyAddress(mesh).listeners, protocol).to.deep.equal([...usual, 15020]);
      mesh.source.apply(entry(`{hosts: [a.com], addresses: [10.7.0.0/16], ${portsOf([...own, 15020], protocol)}}`));
      expect(portsOnAnyAddress(mesh).listeners, `${protocol} with a block`).to.deep.equal([...usual, 15020]);
      mesh.source.apply(entry(`{hosts: [a.com], addresses: [0.0.0.0, "::"], ${portsOf(own, protocol)}}`));
      expect(portsOnAnyAddress(mesh).listeners, `${protocol} on any address`).to.deep.equal(usual);
      mesh.source.apply(entry(`{hosts: [a.com], addresses: [10.7.0.1], ${portsOf(own, protocol)}}`));
      expect(portsOnAnyAddress(mesh).listeners, `${protocol} on an address`).to.deep.equal(usual);
    }
    const mesh = shops();
    mesh.source.apply(entry(`{hosts: [a.com], addresses: [10.7.0.1], ${portsOf(own, 'TCP')}}`));
    expect([...listenersOf(mesh).keys()]).to.include.members(own.map((port) => `10.7.0.1_${port}`));
  });

  it('are no Sidecar’s, whether it names them or imports them', () => {
    const mesh = meshWithThief();
    const left = [15020, 15053, 15521];
    mesh.source.apply(sidecar('{egress: [{hosts: ["thieves/*"]}]}'));
    expect(portsOnAnyAddress(mesh)).to.deep.equal({ listeners: left, tables: left });
    mesh.source.apply(sidecar('{egress: [{hosts: ["*/thief.thieves.svc.cluster.local"]}]}'));
    expect(portsOnAnyAddress(mesh)).to.deep.equal({ listeners: left, tables: left });
    const listener = (port: number, more: string) =>
      `{port: {number: ${port}, protocol: HTTP, name: p}, ${more} hosts: ["thieves/*"]}`;
    for (const bind of ['', 'bind: 0.0.0.0,', 'bind: "::",']) {
      mesh.source.apply(sidecar(`{egress: [${[...own, 15020].map((port) => listener(port, bind)).join(', ')}]}`));
      const names = [...listenersOf(mesh).keys()].filter((name) => name !== 'virtualOutbound');
      expect(names, bind).to.deep.equal([bind.includes(':"') ? '::_15020' : '0.0.0.0_15020']);
    }
    mesh.source.apply(sidecar(`{egress: [${listener(15001, 'bind: 127.1.0.1,')}]}`));
    expect([...listenersOf(mesh).keys()]).to.deep.equal(['virtualOutbound', '127.1.0.1_15001']);
  });

  it('are not served, so that no chain stands beside the one that refuses them', () => {
    const mesh = createTestMesh();
    mesh.source.apply([
      ...serviceObjects({ name: 'web', address: '10.96.0.1', ports: ['tcp:1:15006', 'tcp:2:15021', 'tcp:3:9000'] }),
      podObject({ name: 'web-1', ip: '10.0.0.1', labels: { app: 'web' } }, 'default'),
    ]);
    mesh.source.apply(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web, namespace: default}
spec: {selector: {matchLabels: {app: web}}, mtls: {mode: DISABLE}, portLevelMtls: {"15006": {mode: DISABLE}}}
`);
    const [virtualInbound] = mesh.read(mesh.queries.inboundListeners, mesh.keysOf({ podName: 'web-1' }).class ?? '');
    const chains = (virtualInbound?.filterChains ?? []).map(({ name, match }) => [name, match.destinationPort]);
    expect(chains).to.deep.equal([
      ['virtualInbound-blackhole', 15006],
      ['virtualInbound-catchall-http', undefined],
      ['virtualInbound-catchall', undefined],
      ['0.0.0.0_9000', 9000],
    ]);
  });

  it('are no Gateway’s, which may have those to which traffic is redirected', () => {
    const mesh = createTestMesh();
    mesh.source.apply([podObject({ name: 'edge-1', ip: '10.0.0.9', labels: { istio: 'edge' } }, 'default')]);
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec:
  selector: {istio: edge}
  servers:
${[...own, 15000, 15020, 15053].map((port) => `  - {port: {number: ${port}, name: p${port}, protocol: HTTP}, hosts: ["*"]}`).join('\n')}
`);
    const ports = (proxy: Partial<ProxyFacts> = {}) => {
      const { gateway } = mesh.keysOf({ type: 'router', podName: 'edge-1', ...proxy });
      return mesh.read(mesh.queries.gatewayListeners, gateway ?? '').map(({ name }) => Number(name.split('_')[1]));
    };
    expect(ports()).to.deep.equal([15001, 15006, 15053]);
    expect(ports({ ownPorts: { prometheus: 15053 } })).to.deep.equal([15001, 15006, 15090]);
    const facts = mesh.read(mesh.queries.diagnostics, 'Gateway/Kubernetes/default/edge');
    expect(facts).to.deep.equal(
      [2, 3, 4, 5].map((at) => ({
        ...{ type: 'Conflicted', path: `spec.servers[${at}].port` },
        message: `the proxy itself listens at port ${[...own, 15000, 15020][at]}`,
      })),
    );
  });

  it('are named to the author of a ServiceEntry and of a Sidecar', () => {
    const mesh = shops();
    const facts = (kind: string, namespace: string, name: string) =>
      mesh
        .read(mesh.queries.diagnostics, `${kind}/Kubernetes/${namespace}/${name}`)
        .map(({ type, path, message }) => `${type} ${path}: ${message}`);
    const thief = () => facts('ServiceEntry', 'thieves', 'thief');
    const known = 'sidecars themselves listen at port 15001: a.com is an unknown destination there';
    mesh.source.apply(entry(`{hosts: [a.com], ${portsOf([80, 15001], 'HTTP')}}`));
    expect(thief()).to.deep.equal([`Conflicted spec.ports[1]: ${known}`]);
    mesh.source.apply(entry(`{hosts: [a.com], ${portsOf([15001], 'TCP')}}`));
    expect(thief()).to.deep.equal([`Conflicted spec.ports[0]: ${known}; an address of its own would tell it apart`]);
    mesh.source.apply(entry(`{hosts: [a.com], addresses: [10.7.0.1], ${portsOf([15001], 'TCP')}}`));
    expect(thief()).to.deep.equal([]);
    mesh.source.apply(entry(`{hosts: [a.com], addresses: [10.7.0.1, 0.0.0.0], ${portsOf([80], 'TCP')}}`));
    expect(thief()).to.deep.equal(['NotHonoured spec.addresses[1]: is an address that nothing can have']);

    const listener = (protocol: string, port: number, more = '') =>
      `{port: {number: ${port}, protocol: ${protocol}, name: p}, ${more} hosts: ["*/*"]}`;
    mesh.source.apply(
      sidecar(
        `{egress: [${[
          listener('HTTP', 15021),
          listener('TCP', 15090),
          listener('TCP', 15001, 'bind: 0.0.0.0,'),
          listener('HTTP', 15020),
          listener('TCP', 15053, 'bind: 127.0.0.1, captureMode: NONE,'),
          listener('HTTP', 15006, 'bind: 127.0.0.1,'),
        ].join(', ')}]}`,
      ),
    );
    expect(facts('Sidecar', 'client', 'default')).to.deep.equal(
      [
        [0, 15021],
        [2, 15001],
        [4, 15053],
      ].map(([at, port]) => `Conflicted spec.egress[${at}].port.number: the proxy itself listens at port ${port}`),
    );
  });
});
