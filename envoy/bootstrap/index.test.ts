import { expect } from 'chai';
import { expectGolden } from '#test/support/golden.ts';
import { type BootstrapOptions, bootstrapDefaults, buildBootstrap } from './index.ts';

const options: BootstrapOptions = {
  ...bootstrapDefaults,
  nodeId: 'sidecar~10.0.0.7~reviews-v1-0.bookinfo~bookinfo.svc.cluster.local',
  cluster: 'reviews.bookinfo',
  metadata: { NAMESPACE: 'bookinfo', LABELS: { app: 'reviews', version: 'v1' } },
  locality: { region: 'eu', zone: 'eu-1', subzone: '' },
  discovery: { host: 'istiod.istio-system.svc', port: 15012, serverName: 'istiod.istio-system.svc' },
  addressFamilies: ['ipv4'],
};

describe('bootstrap', () => {
  it('spells a sidecar on IPv4', () => {
    expectGolden(import.meta.url, 'sidecar-ipv4.json', buildBootstrap(options));
  });

  it('listens on both families and looks names up in both on a dual-stack pod', () => {
    expectGolden(
      import.meta.url,
      'sidecar-dual-stack.json',
      buildBootstrap({ ...options, addressFamilies: ['ipv4', 'ipv6'] }),
    );
  });

  it('does not ask DNS for a control plane given by address', () => {
    const text = JSON.stringify(buildBootstrap({ ...options, discovery: { ...options.discovery, host: '10.96.0.9' } }));
    expect(text).not.to.contain('DnsCluster');
  });

  it('lets the pod keep more statistics and set runtime keys', () => {
    const text = JSON.stringify(
      buildBootstrap({ ...options, statsInclusion: { prefixes: ['listener.'] }, runtimeValues: { 'a.b': '1' } }),
    );
    expect(text).to.contain('{"prefix":"listener."}').and.to.contain('"a.b":"1"');
  });
});
