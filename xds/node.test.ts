import { expect } from 'chai';
import { fromJson } from '#wire/index.ts';
import { contradiction } from './identity.ts';
import { parseNode } from './node.ts';

const node = (json: Record<string, unknown>) => fromJson('envoy.config.core.v3.Node', json);
const ID = 'sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local';

describe('node', () => {
  it('is read from its id and from Istio metadata', () => {
    const proxy = parseNode(
      node({
        id: ID,
        locality: { region: 'eu', zone: 'eu-1', subZone: 'rack' },
        userAgentName: 'envoy',
        userAgentBuildVersion: { version: { majorNumber: 1, minorNumber: 40, patch: 2 } },
        extensions: [{ name: 'envoy.filters.http.router' }, {}],
        metadata: {
          NAMESPACE: 'shop',
          SERVICE_ACCOUNT: 'web',
          CLUSTER_ID: 'east',
          NETWORK: 'net1',
          LABELS: { app: 'web', 'istio.io/rev': 'canary' },
          INSTANCE_IPS: '10.0.0.1,fd00::1',
          INTERCEPTION_MODE: 'TPROXY',
          ISTIO_VERSION: '1.31.0',
          WORKLOAD_NAME: 'web',
        },
      }),
      9,
      'delta',
    );
    expect(proxy).to.deep.include({
      connectionId: 'web-1.shop-9',
      nodeId: ID,
      type: 'sidecar',
      podName: 'web-1',
      namespace: 'shop',
      dnsDomain: 'shop.svc.cluster.local',
      serviceAccount: 'web',
      clusterId: 'east',
      network: 'net1',
      ipAddresses: ['10.0.0.1', 'fd00::1'],
      labels: { app: 'web', 'istio.io/rev': 'canary' },
      revision: 'canary',
      interceptionMode: 'TPROXY',
      istioVersion: '1.31.0',
      envoyVersion: '1.40.2',
      extensions: ['envoy.filters.http.router'],
      locality: { region: 'eu', zone: 'eu-1', subzone: 'rack' },
      client: 'envoy',
    });
    expect(proxy.metadata.WORKLOAD_NAME).to.equal('web');
  });

  it('needs no metadata', () => {
    const proxy = parseNode(node({ id: 'router~10.0.0.2~gw.istio-system~istio-system.svc.cluster.local' }), 1, 'delta');
    expect(proxy).to.deep.include({
      type: 'router',
      namespace: 'istio-system',
      ipAddresses: ['10.0.0.2'],
      clusterId: 'Kubernetes',
      revision: 'default',
      interceptionMode: 'REDIRECT',
      labels: {},
    });
  });

  it('ignores metadata of the wrong type', () => {
    const proxy = parseNode(
      node({ id: ID, metadata: { LABELS: 'x', CLUSTER_ID: 7, INTERCEPTION_MODE: 'MAGIC' } }),
      1,
      'delta',
    );
    expect(proxy).to.deep.include({ labels: {}, clusterId: 'Kubernetes', interceptionMode: 'REDIRECT' });
  });

  it('tells gRPC clients from Envoys', () => {
    expect(parseNode(node({ id: ID, metadata: { GENERATOR: 'grpc' } }), 1, 'delta').client).to.equal('grpc');
    expect(parseNode(node({ id: ID, userAgentName: 'gRPC Go' }), 1, 'delta').client).to.equal('grpc');
  });

  for (const [what, json] of [
    ['no id', {}],
    ['an unknown kind of proxy', { id: 'ztunnel~1~a.b~c' }],
    ['too few parts', { id: 'sidecar~1' }],
    ['too many parts', { id: `${ID}~more` }],
    ['an endless id', { id: `sidecar~1~${'a'.repeat(2000)}.b~c` }],
    ['a namespace that its id contradicts', { id: ID, metadata: { NAMESPACE: 'kube-system' } }],
    ['a generator that nobody serves', { id: ID, metadata: { GENERATOR: 'event' } }],
  ] as const) {
    it(`is refused with ${what}`, () => {
      expect(() => parseNode(node(json), 1, 'delta'))
        .to.throw()
        .with.property('code', 'invalid');
    });
  }
});

describe('contradiction between node and credential', () => {
  const proxy = parseNode(node({ id: ID, metadata: { SERVICE_ACCOUNT: 'web' } }), 1, 'delta');
  const proven = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };

  it('is none when both agree, or when the node claims no account', () => {
    expect(contradiction(proxy, proven)).to.equal(undefined);
    expect(contradiction({ ...proxy, serviceAccount: '' }, proven)).to.equal(undefined);
  });

  it('is another namespace or account', () => {
    expect(contradiction(proxy, { ...proven, namespace: 'other' })).to.contain('namespace "shop"');
    expect(contradiction(proxy, { ...proven, serviceAccount: 'admin' })).to.contain('service account "web"');
  });
});
