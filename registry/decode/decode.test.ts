import { expect } from 'chai';
import type { Protocol } from '#model/index.ts';
import { parseObjects } from '../memory.ts';
import { parseConfig } from './config.ts';
import { parseEndpointSlice } from './endpointslice.ts';
import { selectProtocol } from './protocol.ts';
import { parseService } from './service.ts';
import { parseNode, parsePod } from './workload.ts';

const context = { clusterId: 'c1', domainSuffix: 'cluster.local', network: 'net-1' };

function object(yaml: string) {
  const [first] = parseObjects(yaml);
  if (first === undefined) throw new Error('an object is needed');
  return first;
}

describe('selectProtocol', () => {
  const cases: readonly (readonly [string | undefined, number, string | undefined, Protocol])[] = [
    ['http', 80, undefined, 'HTTP'],
    ['http-web', 80, undefined, 'HTTP'],
    ['HTTP2-x', 80, undefined, 'HTTP2'],
    ['grpc', 80, undefined, 'GRPC'],
    ['grpc-web', 80, undefined, 'GRPC-Web'],
    ['grpc-web-a', 80, undefined, 'GRPC-Web'],
    ['https-a', 443, undefined, 'HTTPS'],
    ['tls', 443, undefined, 'TLS'],
    ['tcp-db', 1, undefined, 'TCP'],
    ['mongo', 1, undefined, 'Mongo'],
    ['redis-x', 1, undefined, 'Redis'],
    ['mysql', 1, undefined, 'MySQL'],
    ['web', 80, undefined, 'Auto'],
    [undefined, 80, undefined, 'Auto'],
    ['constructor', 80, undefined, 'Auto'],
    [undefined, 3306, undefined, 'TCP'],
    ['dns', 53, undefined, 'TCP'],
    ['tcp', 80, 'http', 'HTTP'],
    ['tcp', 80, 'kubernetes.io/h2c', 'HTTP2'],
    ['tcp', 80, 'kubernetes.io/ws', 'HTTP'],
    ['tcp', 80, 'kubernetes.io/wss', 'HTTPS'],
    ['http', 80, 'GRPC-Web', 'GRPC-Web'],
    ['http', 80, 'grpc', 'GRPC'],
    ['http', 80, 'redis', 'Redis'],
    ['http', 80, 'mongo', 'Mongo'],
    ['http', 80, 'mysql', 'MySQL'],
    ['http', 80, 'tls', 'TLS'],
    ['http', 80, 'tcp', 'TCP'],
    ['http', 80, 'http_proxy', 'HTTP_PROXY'],
    ['tcp', 80, '', 'Auto'],
    [undefined, 25, undefined, 'TCP'],
    [undefined, 27017, undefined, 'TCP'],
    ['web', 3306, 'http2', 'HTTP2'],
    ['http', 80, 'example.com/own', 'Auto'],
  ];
  for (const [name, port, appProtocol, expected] of cases) {
    it(`takes name ${name}, port ${port}, appProtocol ${appProtocol} for ${expected}`, () => {
      const declared = {
        port,
        ...(name === undefined ? {} : { name }),
        ...(appProtocol === undefined ? {} : { appProtocol }),
      };
      expect(selectProtocol(declared)).to.equal(expected);
    });
  }

  it('never mistakes UDP for anything', () => {
    expect(selectProtocol({ name: 'http', port: 80, protocol: 'UDP' })).to.equal('UDP');
  });
});

describe('decoding', () => {
  it('reads a dual-stack Service', () => {
    const service = parseService(
      object(`
kind: Service
metadata: {name: web, namespace: shop, uid: u1, creationTimestamp: "2026-01-01T00:00:00Z", annotations: {networking.istio.io/exportTo: "., other"}}
spec:
  clusterIP: 10.96.0.1
  clusterIPs: [10.96.0.1, "fd00::1"]
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: web}, {name: tcp-x, port: 90, nodePort: 30090}]
`),
      context,
    );
    expect(service).to.deep.include({
      cluster: 'c1',
      hostname: 'web.shop.svc.cluster.local',
      resolution: 'eds',
      exportTo: ['.', 'other'],
      createdAt: Date.parse('2026-01-01T00:00:00Z'),
      addresses: [
        { family: 'ipv4', address: '10.96.0.1' },
        { family: 'ipv6', address: 'fd00::1' },
      ],
      ports: [
        { name: 'http', port: 80, targetPort: 'web', protocol: 'HTTP' },
        { name: 'tcp-x', port: 90, targetPort: 90, protocol: 'TCP', nodePort: 30090 },
      ],
    });
  });

  it('tells headless and external services apart', () => {
    const parse = (spec: string) =>
      parseService(object(`kind: Service\nmetadata: {name: a, namespace: b}\nspec: ${spec}`), context);
    expect(parse('{clusterIP: None}')).to.deep.include({ resolution: 'passthrough', addresses: [] });
    expect(parse('{type: ExternalName, externalName: db.example.com}')).to.deep.include({
      resolution: 'alias',
      externalName: 'db.example.com',
    });
    expect(parse('{type: ExternalName, externalName: DB.example.com., clusterIP: 10.0.0.1}')).to.deep.include({
      externalName: 'db.example.com',
      addresses: [],
    });
  });

  it('reads which endpoints the clients of a Service use and prefer', () => {
    const parse = (spec: string, annotation = '') =>
      parseService(
        object(
          `kind: Service\nmetadata: {name: a, namespace: b, annotations: {networking.istio.io/traffic-distribution: "${annotation}"}}\nspec: ${spec}`,
        ),
        context,
      );
    expect(parse('{internalTrafficPolicy: Local}').nodeLocal).to.equal(true);
    expect(parse('{internalTrafficPolicy: Cluster}').nodeLocal).to.equal(undefined);
    expect(parse('{publishNotReadyAddresses: true}').publishNotReadyAddresses).to.equal(true);
    const distributions: readonly (readonly [string, string, string | undefined])[] = [
      ['{}', '', undefined],
      ['{trafficDistribution: PreferClose}', '', 'PreferSameZone'],
      ['{trafficDistribution: PreferSameZone}', '', 'PreferSameZone'],
      ['{trafficDistribution: PreferSameNode}', 'PreferClose', 'PreferSameNode'],
      ['{trafficDistribution: Tomorrow}', 'prefersamenode', 'PreferSameNode'],
      ['{}', 'PREFERCLOSE', 'PreferSameZone'],
      ['{}', 'nonsense', 'Any'],
    ];
    for (const [spec, annotation, expected] of distributions)
      expect(parse(spec, annotation).trafficDistribution, `${spec} ${annotation}`).to.equal(expected);
  });

  it('reads a LoadBalancer and a NodePort like any Service with an address', () => {
    for (const type of ['LoadBalancer', 'NodePort']) {
      const yaml = `kind: Service\nmetadata: {name: a, namespace: b}\nspec: {type: ${type}, clusterIP: 10.0.0.1, ports: [{port: 80, nodePort: 30080}]}`;
      expect(parseService(object(yaml), context)).to.deep.include({
        resolution: 'eds',
        addresses: [{ family: 'ipv4', address: '10.0.0.1' }],
        ports: [{ name: '', port: 80, targetPort: 80, protocol: 'Auto', nodePort: 30080 }],
      });
    }
  });

  it('reads EndpointSlices of Services and leaves DNS names out', () => {
    const yaml = `
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}, {name: unset}]
endpoints:
- {addresses: [10.0.0.1], targetRef: {kind: Pod, name: web-a}, nodeName: n1, zone: z1}
- {addresses: [10.0.0.2], conditions: {ready: false, serving: true, terminating: true}}
`;
    const slice = parseEndpointSlice(object(yaml), context);
    expect(slice?.service).to.equal('c1/shop/web');
    expect(slice?.ports).to.deep.equal([{ name: 'http', port: 8080 }]);
    expect(slice?.endpoints).to.deep.equal([
      { addresses: ['10.0.0.1'], ready: true, serving: true, terminating: false, node: 'n1', zone: 'z1', pod: 'web-a' },
      { addresses: ['10.0.0.2'], ready: false, serving: true, terminating: true },
    ]);
    expect(parseEndpointSlice(object(yaml.replace('IPv4', 'FQDN')), context)).to.equal(undefined);
    expect(parseEndpointSlice(object(yaml.replace('kubernetes.io/service-name', 'x')), context)).to.equal(undefined);
  });

  it('reads Pods until they have ended', () => {
    const yaml = `
kind: Pod
metadata:
  name: web-6f-abc
  namespace: shop
  labels: {app: web, pod-template-hash: 6f, security.istio.io/tlsMode: istio, topology.istio.io/network: net-2}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-6f, uid: u, controller: true}]
spec:
  serviceAccountName: web
  nodeName: n1
  containers: [{ports: [{name: http, containerPort: 8080}]}]
  initContainers: [{restartPolicy: Always, ports: [{containerPort: 15090}]}, {ports: [{containerPort: 1}]}]
status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]}
`;
    expect(parsePod(object(yaml), context)).to.deep.include({
      ips: ['10.0.0.1', 'fd00::1'],
      serviceAccount: 'web',
      network: 'net-2',
      acceptsMtls: true,
      workloadName: 'web',
      containerPorts: [
        { name: 'http', port: 8080, protocol: 'TCP' },
        { name: '', port: 15090, protocol: 'TCP' },
      ],
    });
    expect(parsePod(object(yaml.replace('Running', 'Succeeded')), context)).to.equal(undefined);
    const onHost = parsePod(object(yaml.replace('nodeName: n1', 'hostNetwork: true')), context);
    expect(onHost?.ips, 'an endpoint of ServiceEntries as well').to.deep.equal(['10.0.0.1', 'fd00::1']);
  });

  it('names the workload behind Jobs of a CronJob and pods without an owner', () => {
    const named = (owner: string) =>
      parsePod(object(`kind: Pod\nmetadata: {name: a-1, namespace: b${owner}}\nspec: {}`), context)?.workloadName;
    expect(
      named(', ownerReferences: [{apiVersion: batch/v1, kind: Job, name: backup-28000000, uid: u, controller: true}]'),
    ).to.equal('backup');
    expect(named('')).to.equal('a-1');
  });

  it('reads where a Node stands', () => {
    const node = object(
      'kind: Node\nmetadata: {name: n1, labels: {topology.kubernetes.io/region: r, topology.kubernetes.io/zone: z, topology.istio.io/subzone: s}}',
    );
    expect(parseNode(node, context).locality).to.deep.equal({ region: 'r', zone: 'z', subzone: 's' });
    const labels = (text: string) =>
      parsePod(object(`kind: Pod\nmetadata: {name: a, namespace: b, labels: {${text}}}`), context)?.locality;
    expect(labels('')).to.equal(undefined);
    expect(labels('istio-locality: r.z.s')).to.deep.equal({ region: 'r', zone: 'z', subzone: 's' });
    expect(labels('topology.istio.io/locality: r, istio-locality: other')).to.deep.equal({
      region: 'r',
      zone: '',
      subzone: '',
    });
  });

  it('keeps of a mesh resource what is ours and says what is wrong with an invalid one', () => {
    const yaml = (mode: string) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: a, namespace: b, generation: 3, annotations: {argocd.argoproj.io/x: y, istio.io/dry-run: "true"}, labels: {app: z, istio.io/rev: canary}}
spec: {selector: {matchLabels: {app: web}}, mtls: {mode: ${mode}}}
status: {conditions: []}
`;
    const valid = parseConfig('PeerAuthentication', object(yaml('STRICT')), context);
    expect(valid.ok && valid.config).to.deep.include({
      generation: 3,
      annotations: { 'istio.io/dry-run': 'true' },
      labels: { 'istio.io/rev': 'canary' },
      spec: { selector: { matchLabels: { app: 'web' } }, mtls: { mode: 'STRICT' } },
    });
    const invalid = parseConfig('PeerAuthentication', object(yaml('SOME')), context);
    expect(invalid.ok ? undefined : invalid.invalid.selector).to.deep.equal({ app: 'web' });
    expect(invalid.ok ? undefined : invalid.invalid.errors[0]?.path).to.equal('spec.mtls.mode');
  });

  it('tells of an invalid mesh resource whether it selects everything, something, or what cannot be read', () => {
    const selection = (spec: string) => {
      const yaml = `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: b}\nspec: ${spec}`;
      const parsed = parseConfig('PeerAuthentication', object(yaml), context);
      if (parsed.ok) throw new Error('it is valid');
      const { selector, selectorInDoubt = false } = parsed.invalid;
      return { selector, selectorInDoubt };
    };
    const all = { selector: undefined, selectorInDoubt: false };
    for (const spec of [
      '{mtls: {mode: X}}',
      '{selector: null, mtls: {mode: X}}',
      '{selector: {}, mtls: {mode: X}}',
      '[x]',
    ])
      expect(selection(spec), spec).to.deep.equal(all);
    expect(selection('{selector: {matchLabels: {}}, mtls: {mode: X}}')).to.deep.equal(all);
    for (const spec of [
      '{selector: x}',
      '{selector: [x]}',
      '{selector: {matchLabels: [x]}}',
      '{selector: {matchLabels: {a: 1}}}',
    ])
      expect(selection(spec), spec).to.deep.equal({ selector: {}, selectorInDoubt: true });
    expect(selection('{selector: {matchLabels: {a: b, c: 1}}}')).to.deep.equal({
      selector: { a: 'b' },
      selectorInDoubt: true,
    });
  });
});
