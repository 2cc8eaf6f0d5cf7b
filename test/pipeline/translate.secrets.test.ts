import { expect } from 'chai';
import { bookinfo, ingress, ingressProxy } from '#test/support/bookinfo.ts';
import { eventually } from '#test/support/eventually.ts';
import { base64, mintKeyPair } from '#test/support/keypair.ts';
import { asking, describeProxy, type Pipeline, startPipeline } from '#test/support/pipeline.ts';
import { decode } from '#wire/index.ts';
import type { Proxy as MeshProxy, ServedResource } from '#xds/source.ts';

const NAME = 'kubernetes://bookinfo-cert';
const proven = { trustDomain: 'cluster.local', namespace: 'istio-system', serviceAccount: 'ingress' };
const gateway = describeProxy({ ...ingressProxy, identity: proven });

const pair = mintKeyPair();

const secret = (certificate: string, namespace = 'istio-system', name = 'bookinfo-cert') => [
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type: 'kubernetes.io/tls',
    data: {
      // What stands before the first block is nobody's concern, and tells one certificate from another.
      'tls.crt': base64(`${certificate}\n${pair.certificate}`),
      'tls.key': base64(pair.key),
    },
  },
];

describe('gateway secrets', () => {
  let pipeline: Pipeline;
  let asked: string[];
  let allowed: boolean;

  beforeEach(() => {
    asked = [];
    allowed = true;
    pipeline = startPipeline({
      secrets: {
        mayReadSecrets(identity, namespace) {
          asked.push(`${identity.namespace}/${identity.serviceAccount} in ${namespace}`);
          return Promise.resolve(allowed);
        },
      },
    });
    pipeline.objects.apply(bookinfo + ingress);
    pipeline.objects.apply([
      ...secret('mine'),
      ...secret('other', 'bookinfo'),
      ...secret('unused', 'istio-system', 'unused'),
    ]);
  });

  afterEach(() => pipeline.stop());

  /** What the proxy is given for a name once everything has settled. */
  const given = async (proxy: MeshProxy, name = NAME): Promise<ServedResource | undefined> => {
    const subscription = pipeline.source.subscribe(proxy, () => undefined);
    subscription.watchSecrets(asking(name));
    for (let round = 0; round < 3; round += 1) {
      await pipeline.settled();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return subscription.secrets().get(name);
  };

  const certificateOf = (resource: ServedResource | undefined) => {
    const type = 'envoy.extensions.transport_sockets.tls.v3.Secret';
    const message = decode(type, resource?.bytes ?? new Uint8Array());
    return Buffer.from(message.tlsCertificate?.certificateChain?.inlineBytes ?? [])
      .toString()
      .split('\n', 1)[0];
  };

  it('go to a proven identity that may read them, out of its own namespace', async () => {
    expect(certificateOf(await given(gateway))).to.equal('mine');
    expect(asked).to.deep.equal(['istio-system/ingress in istio-system']);
  });

  it('are refused without a proven identity, whatever the proxy claims', async () => {
    const { identity: _proven, ...claimed } = gateway;
    expect(await given(claimed)).to.equal(undefined);
    expect(asked).to.deep.equal([]);
  });

  it('are those of the proven namespace, not of the claimed one', async () => {
    const elsewhere = { ...proven, namespace: 'bookinfo' };
    expect(certificateOf(await given({ ...gateway, identity: elsewhere }))).not.to.equal('mine');
  });

  it('are refused to sidecars, and nobody is asked', async () => {
    expect(await given({ ...gateway, type: 'sidecar' })).to.equal(undefined);
    expect(asked).to.deep.equal([]);
  });

  it('go to sidecars that a DestinationRule selects, and to no others', async () => {
    const rule = (selector: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: db, namespace: bookinfo}
spec:
  host: db.example.com
  ${selector}
  trafficPolicy: {tls: {mode: MUTUAL, credentialName: bookinfo-cert}}
`;
    const identity = { ...proven, namespace: 'bookinfo', serviceAccount: 'bookinfo-web' };
    const sidecar = (app: string) => describeProxy({ namespace: 'bookinfo', podName: app, labels: { app }, identity });
    pipeline.objects.apply(rule('workloadSelector: {matchLabels: {app: web}}'));
    expect(certificateOf(await given(sidecar('web')))).to.equal('other');
    expect(asked).to.deep.equal(['bookinfo/bookinfo-web in bookinfo']);
    expect(await given(sidecar('other'))).to.equal(undefined);
    expect(await given({ ...sidecar('web'), identity: proven })).to.equal(undefined);
    pipeline.objects.apply(rule(''));
    expect(await given(sidecar('web'))).to.equal(undefined);
    expect(certificateOf(await given({ ...gateway, identity }))).to.equal('other');
    pipeline.objects.apply(rule('exportTo: ["."]'));
    expect(certificateOf(await given({ ...gateway, identity }))).to.equal('other');
    expect(await given(gateway, 'kubernetes://bookinfo-cert-cacert')).to.equal(undefined);
  });

  it('are refused where the API server says no', async () => {
    allowed = false;
    expect(await given(gateway)).to.equal(undefined);
    expect(asked).to.have.length(1);
  });

  it('are refused where no server of the gateway names them', async () => {
    expect(await given(gateway, 'kubernetes://unused')).to.equal(undefined);
  });

  it('follow the Secret, and tell the session', async () => {
    let changes = 0;
    const subscription = pipeline.source.subscribe(gateway, () => {
      changes += 1;
    });
    subscription.watchSecrets(asking(NAME));
    await eventually(
      () => certificateOf(subscription.secrets().get(NAME)),
      (certificate) => expect(certificate).to.equal('mine'),
    );
    const before = changes;
    pipeline.objects.apply(secret('renewed'));
    await pipeline.settled();
    expect(certificateOf(subscription.secrets().get(NAME))).to.equal('renewed');
    expect(changes).to.equal(before + 1);
    pipeline.objects.delete('Secret', 'istio-system', 'bookinfo-cert');
    await pipeline.settled();
    expect(subscription.secrets().get(NAME)).to.equal(undefined);
  });
});
