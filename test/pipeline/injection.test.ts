import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { parseRedirectSettings } from '#agent/iptables/settings.ts';
import { parseProxySettings } from '#agent/proxy/settings.ts';
import { defaultMeshConfig } from '#api/index.ts';
import { buildInjectedPod, resolveInjectionSettings } from '#webhook/index.ts';

/** The pods of the webhook's own golden tests. */
const pods = new URL('../../webhook/inject/testdata/pods/', import.meta.url);

function inject(file: string) {
  const { settings } = resolveInjectionSettings({}, {});
  const context = {
    meshConfig: defaultMeshConfig,
    settings,
    namespace: 'default',
    parseYaml: (text: string) => parse(text),
  };
  const result = buildInjectedPod(parse(readFileSync(new URL(file, pods), 'utf8')), context);
  if (result.kind !== 'injected') throw new Error(`${file} is not injected: ${JSON.stringify(result)}`);
  const { metadata, spec } = result.pod;
  const proxy = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].find(
    ({ name }) => name === 'istio-proxy',
  );
  return { metadata, proxy, init: spec?.initContainers?.find(({ name }) => name === 'istio-init') };
}

describe('what injection writes, the agent reads', () => {
  for (const file of readdirSync(pods)) {
    it(`proxy of ${file}`, () => {
      const { metadata, proxy } = inject(file);
      const env = Object.fromEntries((proxy?.env ?? []).map(({ name, value }) => [name, value]));
      const { problems, settings } = parseProxySettings({
        role: proxy?.args?.[1] === 'router' ? 'router' : 'sidecar',
        flags: {},
        env: { ...env, INSTANCE_IP: '10.0.0.1', POD_NAME: 'p', POD_NAMESPACE: 'default', SERVICE_ACCOUNT: 'default' },
        podInfo: { labels: metadata?.labels ?? {}, annotations: metadata?.annotations ?? {} },
        addresses: ['10.0.0.1'],
        hostname: 'p',
        cpus: 2,
      });
      expect(problems).to.deep.equal([]);
      expect(settings.discovery).to.deep.include({ host: 'istiod.istio-system.svc', port: 15012 });
      expect(settings.certificate.address).to.equal('istiod.istio-system.svc:15012');
    });
  }

  it('every rewritten probe and hook', () => {
    const { proxy } = inject('probes.yaml');
    const probers = JSON.parse(proxy?.env?.find(({ name }) => name === 'ISTIO_KUBE_APP_PROBERS')?.value ?? '{}');
    expect(Object.keys(probers)).to.deep.equal([
      '/app-health/web/livez',
      '/app-health/web/readyz',
      '/app-health/web/startupz',
      '/app-lifecycle/web/prestopz',
    ]);
  });

  it('the redirection', () => {
    const [, ...args] = inject('annotated.yaml').init?.args ?? [];
    const value = (flag: string) => args[args.indexOf(flag) + 1] ?? '';
    const { settings, problems } = parseRedirectSettings(
      {
        'istio-inbound-interception-mode': value('-m'),
        'istio-inbound-ports': value('-b'),
        'istio-local-exclude-ports': value('-d'),
        'istio-service-cidr': value('-i'),
        'istio-service-exclude-cidr': value('-x'),
        'istio-outbound-ports': value('-q'),
        'istio-local-outbound-ports-exclude': value('-o'),
        'istio-exclude-interfaces': value('-c'),
      },
      true,
    );
    expect(problems).to.deep.equal([]);
    expect(settings).to.deep.include({
      mode: 'TPROXY',
      inboundPorts: [8080, 8443],
      excludeInboundPorts: [15090, 15021, 16020, 22],
      outboundCidrs: ['10.0.0.0/8', 'fd00::/8'],
      excludeOutboundCidrs: ['10.1.0.0/16'],
      outboundPorts: [3306],
      excludeOutboundPorts: [5432, 6379],
      excludeInterfaces: ['eth1'],
    });
  });
});
