import { expect } from 'chai';
import { createTestMesh, type TestMesh } from '../testing/mesh.ts';
import { podObject, reviews, serviceObjects } from '../testing/objects.ts';

function factsOf(mesh: TestMesh, kind: string, name: string): readonly string[] {
  return mesh
    .read(mesh.queries.diagnostics, `${kind}/Kubernetes/default/${name}`)
    .map(({ type, path, message }) => `${type} ${path}: ${message}`);
}

const virtualService = (name: string, subset: string, more = '') => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: default}
spec:
  hosts: [reviews]
  ${more}
  http: [{route: [{destination: {host: reviews, subset: ${subset}}}]}]
`;
const destinationRule = (name: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${name}, namespace: default}
spec:
  host: reviews
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
  subsets: [{name: v1, labels: {version: v1}}]
`;

describe('diagnostics', () => {
  it('name the field whose reference leads nowhere, and fall silent when it does not', () => {
    const mesh = createTestMesh();
    mesh.source.apply(virtualService('a', 'v1'));
    expect(factsOf(mesh, 'VirtualService', 'a')).to.deep.equal([
      'ResolvedRefs spec.http[0].route[0].destination.host: reviews.default.svc.cluster.local is no service that default sees',
    ]);
    mesh.source.apply(serviceObjects(reviews));
    expect(factsOf(mesh, 'VirtualService', 'a')).to.deep.equal([
      'ResolvedRefs spec.http[0].route[0].destination.subset: there is no subset v1: no DestinationRule is in force for reviews.default.svc.cluster.local',
    ]);
    mesh.source.apply(destinationRule('a'));
    expect(factsOf(mesh, 'VirtualService', 'a')).to.deep.equal([]);
    mesh.source.apply(virtualService('a', 'v9'));
    expect(factsOf(mesh, 'VirtualService', 'a')).to.deep.equal([
      'ResolvedRefs spec.http[0].route[0].destination.subset: there is no subset v9: its DestinationRule default/a has none of that name',
    ]);
  });

  it('say which gateway is missing and which port a service lacks', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(
      virtualService('a', 'v1', 'gateways: [mesh, edge/main]').replace('subset: v1', 'port: {number: 81}'),
    );
    expect(factsOf(mesh, 'VirtualService', 'a')).to.deep.equal([
      'ResolvedRefs spec.gateways[1]: there is no Gateway edge/main',
      'ResolvedRefs spec.http[0].route[0].destination.port.number: reviews.default.svc.cluster.local has no port 81, it has 9080',
    ]);
  });

  it('name the older resource where two claim the same thing', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(destinationRule('old'));
    mesh.source.apply(
      [destinationRule('young'), virtualService('old', 'v1'), virtualService('young', 'v1')].join('---'),
    );
    expect(factsOf(mesh, 'VirtualService', 'old')).to.deep.equal([]);
    expect(factsOf(mesh, 'VirtualService', 'young')).to.deep.equal([
      'Conflicted spec.hosts[0]: sidecars route reviews.default.svc.cluster.local by the older VirtualService default/old',
    ]);
    expect(factsOf(mesh, 'DestinationRule', 'old')).to.deep.equal([]);
    expect(factsOf(mesh, 'DestinationRule', 'young')).to.deep.equal([
      'Conflicted spec.trafficPolicy: the older DestinationRule default/old sets the policy of reviews.default.svc.cluster.local',
      'Conflicted spec.subsets[0].name: the older DestinationRule default/old declares subset v1',
    ]);
    mesh.source.delete('VirtualService', 'default', 'old');
    expect(factsOf(mesh, 'VirtualService', 'young')).to.deep.equal([]);
  });

  it('look for the certificate where the gateway runs', () => {
    const mesh = createTestMesh();
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: main, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: cert}
    hosts: ["*"]
`);
    expect(factsOf(mesh, 'Gateway', 'main')).to.deep.equal(['ResolvedRefs spec.selector: no pod carries these labels']);
    mesh.source.apply([podObject({ name: 'gw', ip: '10.0.0.9', labels: { istio: 'ingressgateway' } }, 'edge')]);
    expect(factsOf(mesh, 'Gateway', 'main')).to.deep.equal([
      'ResolvedRefs spec.servers[0].tls.credentialName: there is no Secret cert with a certificate and its key in namespace edge, where the gateway runs',
    ]);
  });

  it('say that an older PeerAuthentication holds', () => {
    const mesh = createTestMesh();
    const policy = (name: string) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: default}
spec: {mtls: {mode: STRICT}}
`;
    mesh.source.apply(policy('old'));
    mesh.source.apply(policy('young'));
    expect(factsOf(mesh, 'PeerAuthentication', 'old')).to.deep.equal([]);
    expect(factsOf(mesh, 'PeerAuthentication', 'young')[0]).to.contain('older PeerAuthentication old');
  });
});
