import { expect } from 'chai';
import { base64, mintKeyPair } from '#test/support/keypair.ts';
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

  it('call it no conflict where a resource leaves the port, the caller or the protocol to the next one', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(destinationRule('any'));
    const older = (routes: string) => {
      mesh.source.apply(virtualService('old', 'v1').replace(/http: .*/, routes));
      return factsOf(mesh, 'VirtualService', 'young').length;
    };
    const to = 'route: [{destination: {host: reviews}}]';
    older(`http: [{${to}}]`);
    mesh.source.apply(virtualService('young', 'v1'));
    expect(older(`http: [{match: [{port: 9080}], ${to}}]`)).to.equal(1);
    expect(older(`http: [{match: [{port: 9080, sourceNamespace: far}], ${to}}]`)).to.equal(0);
    expect(older(`http: [{match: [{gateways: [mesh], sourceNamespace: far}], ${to}}]`)).to.equal(1);
    expect(older(`tcp: [{${to}}]`)).to.equal(0);
    mesh.source.apply(virtualService('young', 'v1').replace(/http: .*/, `tcp: [{match: [{port: 1}], ${to}}]`));
    expect(older(`tcp: [{${to}}]`)).to.equal(1);
    expect(older(`tcp: [{match: [{port: 2}, {destinationSubnets: [10.0.0.0/8]}], ${to}}]`)).to.equal(0);
    const tls = (name: string) => `tls: [{match: [{sniHosts: [${name}]}], ${to}}]`;
    mesh.source.apply(virtualService('young', 'v1').replace(/http: .*/, tls('REVIEWS')));
    expect(older(tls('reviews'))).to.equal(1);
  });

  it('name matches that take nothing', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: default}
spec:
  servers:
  - {port: {number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: ["*-a.example.com"]}
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*-a.example.com"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  hosts: ["*-a.example.com"]
  gateways: [g]
  http:
  - match: [{withoutHeaders: {"@request.auth.claims.sub": {exact: me}}}]
    route: [{destination: {host: reviews}}]
  tls:
  - match: [{sniHosts: ["*-a.example.com"]}]
    route: [{destination: {host: reviews}}]
`);
    expect(factsOf(mesh, 'VirtualService', 'a')).to.deep.equal([
      'NotHonoured spec.http[0].match[0].withoutHeaders: @request.auth.claims.sub: claims of tokens are not known',
      'NotHonoured spec.tls[0].match[0].sniHosts[0]: TLS servers are told apart by whole labels',
    ]);
    expect(factsOf(mesh, 'Gateway', 'g')).to.deep.equal([
      'NotHonoured spec.servers[0].hosts[0]: TLS servers are told apart by whole labels',
    ]);
  });

  it('name what matches say of callers in vain', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: default}
spec: {servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
`);
    const to = 'route: [{destination: {host: reviews}}]';
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  hosts: [reviews]
  gateways: [mesh, g]
  http:
  - match: [{sourceLabels: {app: web}}, {sourceNamespace: far}, {gateways: [g]}]
    ${to}
  - match: [{gateways: [mesh], sourceLabels: {app: web}}]
    ${to}
  tls: [{match: [{sniHosts: [reviews], sourceNamespace: far, gateways: [mesh]}], ${to}}]
  tcp: [{match: [{port: 9000, sourceNamespace: far, gateways: [g]}], ${to}}]
`);
    expect(factsOf(mesh, 'VirtualService', 'a')).to.deep.equal([
      'NotHonoured spec.http[1].match[0].sourceLabels: the gateways that the match names stand in its place',
      'NotHonoured spec.tcp[0].match[0].sourceNamespace: gateways do not tell who connects',
    ]);
  });

  it('say that credentials are in no ConfigMap', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    const tls = 'tls: {mode: SIMPLE, credentialName: "configmap://default/roots"}';
    mesh.source.apply([podObject({ name: 'reviews-1', ip: '10.0.0.9', labels: { app: 'reviews' } }, 'default')]);
    mesh.source.apply(
      destinationRule('a').replace(
        'trafficPolicy: {',
        `workloadSelector: {matchLabels: {app: reviews}}\n  trafficPolicy: {${tls}, `,
      ),
    );
    expect(factsOf(mesh, 'DestinationRule', 'a')).to.deep.equal([
      'ResolvedRefs spec.trafficPolicy.tls.credentialName: credentials are read from Secrets, not from ConfigMaps',
    ]);
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

  it('say why a Secret cannot be used, of the certificate and of the roots, and what is in force', () => {
    const mesh = createTestMesh();
    const [pair, other] = [mintKeyPair(), mintKeyPair()];
    const secret = (name: string, data: Readonly<Record<string, string>>) => ({
      kind: 'Secret',
      metadata: { name, namespace: 'edge' },
      ...{ data: Object.fromEntries(Object.entries(data).map(([field, text]) => [field, base64(text)])) },
    });
    mesh.source.apply(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: main, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: MUTUAL, credentialName: cert}
    hosts: ["*"]
`);
    mesh.source.apply([
      podObject({ name: 'gw', ip: '10.0.0.9', labels: { istio: 'ingressgateway' } }, 'edge'),
      secret('cert', { 'tls.crt': pair.certificate, 'tls.key': other.key, 'ca.crt': 'x' }),
    ]);
    const field = 'InvalidRef spec.servers[0].tls.credentialName: Secret';
    expect(factsOf(mesh, 'Gateway', 'main')).to.deep.equal([
      `${field} cert in namespace edge: tls.key is not the key of the certificate in tls.crt (it is not in force)`,
      `${field} cert-cacert in namespace edge: ca.crt holds no certificate that can be read (it is not in force)`,
    ]);
    mesh.source.apply([
      secret('cert', { 'tls.crt': pair.certificate, 'tls.key': pair.key }),
      secret('cert-cacert', { cacert: other.certificate }),
    ]);
    expect(factsOf(mesh, 'Gateway', 'main')).to.deep.equal([]);
    mesh.source.apply([
      secret('cert', { 'tls.crt': other.certificate, 'tls.key': pair.key }),
      secret('cert-cacert', { cacert: 'x' }),
    ]);
    const kept = '(the last valid version stays in force)';
    expect(factsOf(mesh, 'Gateway', 'main')).to.deep.equal([
      `${field} cert in namespace edge: tls.key is not the key of the certificate in tls.crt ${kept}`,
      `${field} cert-cacert in namespace edge: cacert holds no certificate that can be read ${kept}`,
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

  it('say what an invalid PeerAuthentication changes for others', () => {
    const mesh = createTestMesh();
    const policy = (name: string, spec: string) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: default}
spec: ${spec}
`;
    mesh.source.apply(policy('doubtful', '{selector: {matchLabels: {version: 1}}, mtls: {mode: PERMISSIVE}}'));
    mesh.source.apply(policy('broken', '{selector: {matchLabels: {app: web}}, mtls: {mode: SOME}}'));
    mesh.source.apply(policy('wide', '{mtls: {mode: PERMISSIVE}}'));
    mesh.source.apply(policy('web', '{selector: {matchLabels: {app: web}}, mtls: {mode: PERMISSIVE}}'));
    mesh.source.apply(policy('db', '{selector: {matchLabels: {app: db}}, mtls: {mode: PERMISSIVE}}'));
    expect(factsOf(mesh, 'PeerAuthentication', 'wide')).to.deep.equal([
      'Conflicted spec: PeerAuthentication doubtful is invalid: until it is valid, the workloads of its namespace that it may select, and that no other policy does, accept mutual TLS only',
    ]);
    expect(factsOf(mesh, 'PeerAuthentication', 'web')).to.deep.equal([
      'Conflicted spec.selector: the older PeerAuthentication broken is in force for the same workloads and invalid: until it is valid, what it selects accepts mutual TLS only',
    ]);
    expect(factsOf(mesh, 'PeerAuthentication', 'db')).to.deep.equal([]);
    for (const name of ['doubtful', 'broken']) mesh.source.delete('PeerAuthentication', 'default', name);
    for (const name of ['wide', 'web']) expect(factsOf(mesh, 'PeerAuthentication', name)).to.deep.equal([]);
  });

  const entry = (name: string, spec: string, namespace = 'default') => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`;
  const http = 'ports: [{number: 80, name: http, protocol: HTTP}]';

  it('say who else declares the host of a ServiceEntry', () => {
    const mesh = createTestMesh();
    mesh.source.apply(serviceObjects(reviews));
    mesh.source.apply(entry('old', `{hosts: [a.com], resolution: DNS, ${http}}`));
    mesh.source.apply(entry('other', `{hosts: [b.com, a.com], resolution: STATIC, ${http}}`));
    mesh.source.apply(
      entry(
        'more',
        `{hosts: [a.com], resolution: DNS, ports: [{number: 80, name: web, protocol: GRPC}, {number: 81, name: http, protocol: TCP}, {number: 82, name: x, protocol: TCP}]}`,
      ),
    );
    mesh.source.apply(entry('far', `{hosts: [a.com], resolution: DNS, ${http}}`, 'far'));
    mesh.source.apply(entry('own', `{hosts: [a.com], exportTo: ["."], ${http}}`, 'own'));
    mesh.source.apply(entry('few', `{hosts: [a.com], exportTo: [own, third], ${http}}`, 'few'));
    mesh.source.apply(entry('thief', '{hosts: [reviews.default.svc.cluster.local], resolution: STATIC}', 'thieves'));
    const facts = (name: string, namespace = 'default') =>
      mesh
        .read(mesh.queries.diagnostics, `ServiceEntry/Kubernetes/${namespace}/${name}`)
        .map(({ type, path, message }) => `${type} ${path}: ${message}`);
    expect(facts('old')).to.deep.equal([]);
    expect(facts('own', 'own')).to.deep.equal([]);
    expect(facts('other')).to.deep.equal([
      'Conflicted spec.hosts[1]: the older ServiceEntry default/old has a.com with another resolution or location',
    ]);
    expect(facts('more')).to.deep.equal([
      'Conflicted spec.ports[0]: the older ServiceEntry default/old declares port 80 of a.com as http (HTTP)',
      'Conflicted spec.ports[1]: the older ServiceEntry default/old declares port 80 of a.com as http (HTTP)',
    ]);
    expect(facts('far', 'far')).to.deep.equal([
      'Conflicted spec.hosts[0]: clients of other namespaces see a.com as namespace default declares it, unless a Sidecar of theirs imports this one and not that one',
    ]);
    expect(facts('thief', 'thieves')).to.deep.equal([
      'Conflicted spec.hosts[0]: clients of other namespaces see reviews.default.svc.cluster.local as namespace default declares it, unless a Sidecar of theirs imports this one and not that one',
    ]);
    expect(facts('few', 'few')).to.deep.equal([
      'Conflicted spec.hosts[0]: clients of few see a.com as namespace default declares it',
    ]);
    mesh.source.apply(entry('few', `{hosts: [a.com], exportTo: [few, third, own], ${http}}`, 'few'));
    expect(facts('few', 'few')).to.deep.equal([
      'Conflicted spec.hosts[0]: clients of own see a.com as namespace own declares it',
    ]);
    mesh.source.delete('ServiceEntry', 'default', 'old');
    expect(facts('other')).to.deep.equal([]);
  });

  it('say which addresses and connections a ServiceEntry does not get', () => {
    const mesh = createTestMesh();
    const tcp = 'ports: [{number: 9000, name: tcp, protocol: TCP}]';
    mesh.source.apply(entry('old', `{hosts: [a.com], ${tcp}}`));
    mesh.source.apply(entry('young', `{hosts: [b.com], ${tcp}}`));
    mesh.source.apply(entry('block', `{hosts: [c.com], addresses: [10.1.0.0/16], ${tcp}}`));
    mesh.source.apply(entry('again', `{hosts: [d.com], addresses: [10.2.0.1, 10.1.2.3/16], ${tcp}}`));
    const facts = (name: string) => factsOf(mesh, 'ServiceEntry', name);
    expect([...facts('old'), ...facts('block')]).to.deep.equal([]);
    expect(facts('young')).to.deep.equal([
      'Conflicted spec.ports[0]: connections to port 9000 of unknown addresses go to the older a.com of namespace default; addresses would tell them apart',
    ]);
    expect(facts('again')).to.deep.equal([
      'Conflicted spec.addresses[1]: the older ServiceEntry default/block has 10.1.0.0/16 on the same port',
    ]);
  });

  it('say what a ServiceEntry selects nothing by, and what proxies cannot do', () => {
    const mesh = createTestMesh();
    mesh.source.apply(
      entry('a', `{hosts: [a.com], resolution: STATIC, ${http}, workloadSelector: {labels: {app: a}}}`),
    );
    expect(factsOf(mesh, 'ServiceEntry', 'a')).to.deep.equal([
      'ResolvedRefs spec.workloadSelector: no pod and no WorkloadEntry of default carries these labels',
    ]);
    mesh.source.apply(entry('w', '{address: 10.0.0.1, labels: {app: a}}').replace('ServiceEntry', 'WorkloadEntry'));
    expect(factsOf(mesh, 'ServiceEntry', 'a')).to.deep.equal([]);
    mesh.source.apply(
      entry(
        'b',
        `{hosts: ["*-b.com"], resolution: STATIC, ports: [{number: 443, name: tls, protocol: TLS}, {number: 53, name: dns, protocol: UDP}], endpoints: [{network: far}]}`,
      ),
    );
    expect(factsOf(mesh, 'ServiceEntry', 'b')).to.deep.equal([
      'NotHonoured spec.hosts[0]: TLS servers are told apart by whole labels',
      'NotHonoured spec.ports[1]: UDP passes by the proxy',
      'NotHonoured spec.endpoints[0]: an endpoint without an address is not reached',
    ]);
    mesh.source.apply(entry('w', '{network: far}').replace('ServiceEntry', 'WorkloadEntry'));
    expect(factsOf(mesh, 'WorkloadEntry', 'w')).to.deep.equal([
      'NotHonoured spec.address: a workload without an address is not reached',
    ]);
  });
});
