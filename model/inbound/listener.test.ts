import { expect } from 'chai';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { podObject, serviceObjects } from '../testing/objects.ts';
import type { FilterChain } from '../types/resolved.ts';

const labels = { app: 'web' };

function meshWithWeb(ports: readonly string[] = ['http:80:8080']): TestMesh {
  const mesh = createTestMesh();
  mesh.source.apply([
    ...serviceObjects({ name: 'web', address: '10.96.0.1', ports }),
    podObject({ name: 'web-1', ip: '10.0.0.1', labels }, 'default'),
  ]);
  return mesh;
}

function chainsOf(mesh: TestMesh): readonly FilterChain[] {
  const key = mesh.keysOf({ podName: 'web-1' }).class ?? '';
  const [virtualInbound] = mesh.read(mesh.queries.inboundListeners, key);
  return virtualInbound?.filterChains ?? [];
}

/** `handler mtls? match` of the chains of one port; 0 stands for all other ports. */
function describeChains(mesh: TestMesh, port: number): readonly string[] {
  return chainsOf(mesh)
    .filter((chain) => (chain.match.destinationPort ?? 0) === port)
    .map(({ handler, tls, match }) =>
      [
        handler.kind,
        tls === undefined ? 'plain' : 'mtls',
        match.transportProtocol ?? 'any',
        match.applicationProtocols?.[0] ?? '*',
      ].join(' '),
    );
}

const policy = (name: string, spec: string, namespace = 'default') => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`;

const permissive = ['http mtls tls istio-peer-exchange', 'http plain raw_buffer *'];
const strict = ['http mtls tls *'];
const disabled = ['http plain any *'];

describe('inbound', () => {
  it('takes mTLS and plaintext on the target ports of its services until told otherwise', () => {
    const mesh = meshWithWeb(['http:80:8080', 'tcp:81:9000', 'x:82:9001']);
    expect(describeChains(mesh, 8080)).to.deep.equal(permissive);
    expect(describeChains(mesh, 9000)).to.deep.equal([
      'tcp mtls tls istio-peer-exchange',
      'tcp plain raw_buffer *',
      'tcp plain tls *',
    ]);
    expect(describeChains(mesh, 9001)).to.deep.equal([
      'http mtls tls istio-http/1.0',
      'http plain raw_buffer http/1.0',
      'tcp mtls tls istio-peer-exchange',
      'tcp plain raw_buffer *',
      'tcp plain tls *',
    ]);
    expect(describeChains(mesh, 80)).to.deep.equal([]);
    const clusters = mesh.read(mesh.queries.inboundClusters, mesh.keysOf({ podName: 'web-1' }).class ?? '');
    expect(
      clusters.map(({ name, protocol }) => [name.direction === 'inbound' ? name.port : 'rest', protocol]),
    ).to.deep.equal([
      ['rest', 'downstream'],
      [8080, 'http1'],
      [9000, 'tcp'],
      [9001, 'downstream'],
    ]);
  });

  it('refuses to be addressed itself, so that nothing goes round in circles', () => {
    expect(describeChains(meshWithWeb(), 15006)).to.deep.equal(['tcp plain any *']);
  });

  it('obeys the workload before the namespace before the mesh, UNSET inheriting', () => {
    const mesh = meshWithWeb();
    mesh.source.apply(policy('mesh', '{mtls: {mode: STRICT}}', 'istio-system'));
    expect(describeChains(mesh, 8080)).to.deep.equal(strict);
    mesh.source.apply(policy('namespace', '{mtls: {mode: DISABLE}}'));
    expect(describeChains(mesh, 8080)).to.deep.equal(disabled);
    mesh.source.apply(policy('workload', '{selector: {matchLabels: {app: web}}, mtls: {mode: UNSET}}'));
    expect(describeChains(mesh, 8080)).to.deep.equal(disabled);
    mesh.source.apply(policy('workload', '{selector: {matchLabels: {app: web}}, mtls: {mode: PERMISSIVE}}'));
    expect(describeChains(mesh, 8080)).to.deep.equal(permissive);
    mesh.source.apply(policy('elsewhere', '{selector: {matchLabels: {app: other}}, mtls: {mode: STRICT}}'));
    expect(describeChains(mesh, 8080)).to.deep.equal(permissive);
  });

  it('obeys the oldest of several policies', () => {
    const mesh = meshWithWeb();
    mesh.source.apply(policy('zz-old', '{mtls: {mode: STRICT}}'));
    mesh.source.apply(policy('aa-young', '{mtls: {mode: DISABLE}}'));
    expect(describeChains(mesh, 8080)).to.deep.equal(strict);
    expect(
      chainsOf(mesh)
        .at(-1)
        ?.sources.map((source) => source.name),
    ).to.deep.equal(['zz-old']);
  });

  it('obeys single ports, also those that no service names', () => {
    const mesh = meshWithWeb();
    mesh.source.apply(
      policy(
        'ports',
        '{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, portLevelMtls: {"8080": {mode: DISABLE}, "9999": {mode: DISABLE}}}',
      ),
    );
    expect(describeChains(mesh, 8080)).to.deep.equal(disabled);
    expect(describeChains(mesh, 9999)).to.deep.equal(['http plain raw_buffer http/1.0', 'tcp plain any *']);
    expect(describeChains(mesh, 0)).to.deep.equal(['http mtls tls istio-http/1.0', 'tcp mtls tls *']);
  });

  it('asks for mTLS on what an invalid policy selects, unless an earlier version of it is in force', () => {
    const mesh = meshWithWeb();
    const invalid = policy('bad', '{selector: {matchLabels: {app: web}}, mtls: {mode: NONSENSE}}');
    mesh.source.apply(invalid);
    expect(describeChains(mesh, 8080)).to.deep.equal(strict);
    mesh.source.apply(policy('bad', '{selector: {matchLabels: {app: web}}, mtls: {mode: DISABLE}}'));
    expect(describeChains(mesh, 8080)).to.deep.equal(disabled);
    mesh.source.apply(invalid);
    expect(describeChains(mesh, 8080), 'the last valid version').to.deep.equal(disabled);
    mesh.source.delete('PeerAuthentication', 'default', 'bad');
    expect(describeChains(mesh, 8080)).to.deep.equal(permissive);
  });

  it('asks for mTLS on whatever an invalid policy may select whose selector cannot be read, and no other does', () => {
    const mesh = meshWithWeb();
    mesh.source.apply(policy('a-bad', '{selector: {matchLabels: [app]}, mtls: {mode: DISABLE}}'));
    expect(describeChains(mesh, 8080)).to.deep.equal(strict);
    mesh.source.apply(policy('wide', '{mtls: {mode: PERMISSIVE}}'));
    expect(describeChains(mesh, 8080), 'a policy of the namespace').to.deep.equal(strict);
    mesh.source.apply(policy('web', '{selector: {matchLabels: {app: web}}, mtls: {mode: DISABLE}}'));
    expect(describeChains(mesh, 8080), 'a younger policy that selects the workload').to.deep.equal(disabled);
    mesh.source.delete('PeerAuthentication', 'default', 'web');
    mesh.source.apply(policy('a-bad', '{selector: {matchLabels: {app: other, version: 1}}, mtls: {mode: STRICT}}'));
    expect(describeChains(mesh, 8080), 'a label that it lacks').to.deep.equal(permissive);
  });

  it('never lets an invalid policy whose selector cannot be read reach beyond its namespace', () => {
    const mesh = meshWithWeb();
    const inRoot = (spec: string) => policy('bad', spec).replace('namespace: default', 'namespace: istio-system');
    mesh.source.apply(inRoot('{selector: {matchLabels: [app]}, mtls: {mode: STRICT}}'));
    expect(describeChains(mesh, 8080)).to.deep.equal(permissive);
    mesh.source.apply(inRoot('{mtls: {mode: NONSENSE}}'));
    expect(describeChains(mesh, 8080), 'one that is for the whole mesh').to.deep.equal(strict);
  });

  it('resolves named target ports by the pod', () => {
    const mesh = createTestMesh();
    mesh.source.apply(`
kind: Pod
metadata: {name: web-1, namespace: default, labels: {app: web}}
spec: {containers: [{ports: [{name: web, containerPort: 3000}]}]}
---
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: web}]}
`);
    expect(describeChains(mesh, 3000)).to.deep.equal(permissive);
  });

  it('takes the word of the oldest service where several name one target port', () => {
    const mesh = meshWithWeb(['http:80:8080']);
    mesh.source.apply(
      serviceObjects({ name: 'a-young', address: '10.96.0.2', ports: ['tcp:81:8080'], selector: labels }),
    );
    expect(describeChains(mesh, 8080)).to.deep.equal(permissive);
  });

  it('is shared by pods of one class and changes when a service begins to select them', () => {
    const mesh = meshWithWeb();
    mesh.source.apply([
      podObject({ name: 'web-2', ip: '10.0.0.2', labels: { ...labels, 'pod-template-hash': 'x' } }, 'default'),
    ]);
    const [one, two] = ['web-1', 'web-2'].map((podName) => mesh.keysOf({ podName }).class);
    expect(one).to.equal(two);
    mesh.source.apply(
      serviceObjects({ name: 'more', address: '10.96.0.2', ports: ['grpc:70:7070'], selector: labels }),
    );
    expect(mesh.keysOf({ podName: 'web-1' }).class).to.not.equal(one);
    expect(describeChains(mesh, 7070)).to.deep.equal(permissive);
  });
});
