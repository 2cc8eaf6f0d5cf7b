import { expect } from 'chai';
import { connect, describeProxy, listChanges, type Pipeline, startPipeline } from '#test/support/pipeline.ts';

/** A service per protocol, a pod with a sidecar behind it, and the same exported to nobody else. */
const world = ['http', 'tcp', 'detected', 'grpc']
  .map(
    (name, at) => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {clusterIP: 10.96.0.${at + 1}, selector: {app: web}, ports: [{name: ${name}, port: ${at + 80}, targetPort: ${at + 8080}}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, namespace: shop, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{name: ${name}, port: ${at + 8080}}]
endpoints: [{addresses: [10.0.0.1], targetRef: {kind: Pod, name: web}}]
---`,
  )
  .join('');
const rest = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, security.istio.io/tlsMode: istio}}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: http, namespace: elsewhere}
spec: {hosts: [http.shop.svc.cluster.local], http: [{timeout: 3s, route: [{destination: {host: http.shop.svc.cluster.local}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: tcp, namespace: istio-system}
spec: {host: tcp.shop.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: policies}
spec: {mtls: {mode: STRICT}}
`;

describe('a changed mesh configuration takes effect at once', () => {
  /** What of a sidecar's configuration changes, as a pattern of each change. */
  const cases: readonly (readonly [string, object, RegExp])[] = [
    ['accessLogFile', { accessLogFile: '/dev/stdout' }, /^~ Listener /],
    [
      'accessLogFormat',
      { accessLogFile: '/dev/stdout', accessLogFormat: '%START_TIME%', accessLogEncoding: 'TEXT' },
      /^~ Listener /,
    ],
    ['connectTimeout', { connectTimeout: '3s' }, /^~ Cluster /],
    ['defaultDestinationRuleExportTo', { defaultDestinationRuleExportTo: ['.'] }, /^~ Cluster outbound\|81\|\|tcp/],
    ['defaultHttpRetryPolicy', { defaultHttpRetryPolicy: { attempts: 7 } }, /^~ (RouteConfiguration|VirtualHost) /],
    ['defaultServiceExportTo', { defaultServiceExportTo: ['~'] }, /^[-~] /],
    [
      'defaultVirtualServiceExportTo',
      { defaultVirtualServiceExportTo: ['.'] },
      /^~ (RouteConfiguration 80|VirtualHost 80\/http)/,
    ],
    ['discoverySelectors', { discoverySelectors: [{ matchLabels: { mesh: 'on' } }] }, /^[-~] /],
    ['enableAutoMtls', { enableAutoMtls: false }, /^~ Cluster outbound/],
    ['h2UpgradePolicy', { h2UpgradePolicy: 'UPGRADE' }, /^~ Cluster outbound\|80\|\|http/],
    [
      'outboundTrafficPolicy',
      { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
      /^~ (Listener|RouteConfiguration|VirtualHost) /,
    ],
    [
      'outboundTrafficPolicy, hosts looked up',
      { outboundTrafficPolicy: { mode: 'ALLOW_ANY_DYNAMIC_DNS' } },
      /^(~ (Listener|RouteConfiguration|VirtualHost) |\+ Cluster AllowAnyDynamicDNSCluster$|[-+] VirtualHost .*allow_any)/,
    ],
    ['inboundTrafficPolicy', { inboundTrafficPolicy: { mode: 'LOCALHOST' } }, /^~ Cluster inbound/],
    ['protocolDetectionTimeout', { protocolDetectionTimeout: '7s' }, /^~ Listener /],
    ['proxyInboundListenPort', { proxyInboundListenPort: 25006 }, /^~ Listener virtualInbound$/],
    ['proxyListenPort', { proxyListenPort: 25001 }, /^~ Listener virtualOutbound$/],
    [
      'rootNamespace',
      { rootNamespace: 'policies' },
      /^~ (Listener virtualInbound|Cluster outbound\|81\|\|tcp\.shop\.svc\.cluster\.local)$/,
    ],
    ['tcpKeepalive', { tcpKeepalive: { probes: 3 } }, /^~ Cluster /],
    ['trustDomain', { trustDomain: 'prod' }, /^~ (Cluster|Listener) /],
    ['trustDomainAliases', { trustDomainAliases: ['old'] }, /^~ (Cluster|Listener) /],
  ];
  let pipeline: Pipeline;
  beforeEach(() => {
    pipeline = startPipeline();
    pipeline.objects.apply(world + rest);
  });
  afterEach(async () => {
    expect(pipeline.faults).to.deep.equal([]);
    await pipeline.stop();
  });

  for (const [field, config, pattern] of cases) {
    it(`in ${field}: where the field matters and nowhere else, and is undone likewise`, async () => {
      const sidecar = await connect(
        pipeline,
        describeProxy({ namespace: 'shop', podName: 'web', ipAddresses: ['10.0.0.1'] }),
      );
      const before = sidecar.current();
      pipeline.objects.applyMeshConfig(config);
      await pipeline.settled();
      const changes = listChanges(before, sidecar.current());
      expect(changes).to.not.deep.equal([]);
      for (const change of changes) expect(change).to.match(pattern);
      pipeline.objects.applyMeshConfig({});
      await pipeline.settled();
      expect(listChanges(before, sidecar.current())).to.deep.equal([]);
    });
  }
});
