import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { parse } from 'yaml';
import { defaultMeshConfig } from '#api/index.ts';
import { expectGolden } from '#test/support/golden.ts';
import { buildInjectedPod, type InjectionContext, type InjectionResult } from './build.ts';
import type { Pod } from './pod.ts';
import { resolveInjectionSettings } from './settings.ts';

const pods = new URL('./testdata/pods/', import.meta.url);

function makeContext(change: Partial<InjectionContext> = {}, values: object = {}): InjectionContext {
  const defaults = { global: { hub: 'localhost/lateen', tag: '0.1.0' }, revision: 'default' };
  const { settings, diagnostics } = resolveInjectionSettings({}, { ...defaults, ...values });
  expect(diagnostics).to.deep.equal([]);
  return { meshConfig: defaultMeshConfig, settings, namespace: 'default', parseYaml: (text) => parse(text), ...change };
}

function injected(pod: Pod, context = makeContext()): Extract<InjectionResult, { kind: 'injected' }> {
  const result = buildInjectedPod(pod, context);
  if (result.kind !== 'injected') throw new Error(`not injected: ${JSON.stringify(result)}`);
  return result;
}

const plain = (metadata: Pod['metadata'] = {}): Pod => ({
  metadata,
  spec: { containers: [{ name: 'app', image: 'app' }] },
});

const proxyOf = (pod: Pod) =>
  [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].find(({ name }) => name === 'istio-proxy');

describe('buildInjectedPod', () => {
  for (const file of readdirSync(pods)) {
    const name = file.replace('.yaml', '');
    const read = (): Pod => parse(readFileSync(new URL(file, pods), 'utf8'));

    it(`injects ${name} as recorded`, () => {
      const { pod, warnings } = injected(read());
      expectGolden(import.meta.url, `${name}.json`, { pod, warnings });
    });

    it(`leaves ${name} alone the second time, and its input as it was`, () => {
      const input = read();
      const { pod } = injected(input);
      expect(input).to.deep.equal(read());
      expect(buildInjectedPod(pod, makeContext())).to.have.property('kind', 'skipped');
    });
  }

  it('captures everything by default', () => {
    const { pod } = injected(plain());
    const args = pod.spec?.initContainers?.[0]?.args?.join(' ');
    expect(args).to.match(
      /^istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i \* -x {2}-b \* -d 15090,15021,15020 --log_output_level=/,
    );
  });

  it('captures DNS where the mesh or the pod asks for it', () => {
    const proxyMetadata = { ISTIO_META_DNS_CAPTURE: 'true' };
    const capturing = makeContext({
      meshConfig: { ...defaultMeshConfig, defaultConfig: { ...defaultMeshConfig.defaultConfig, proxyMetadata } },
    });
    const captures = ({ pod }: { readonly pod: Pod }) => ({
      redirected: pod.spec?.initContainers?.[0]?.args?.includes('--redirect-dns'),
      agent: proxyOf(pod)?.env?.find(({ name }) => name === 'ISTIO_META_DNS_CAPTURE')?.value,
    });
    const asked = (value: string) =>
      plain({ annotations: { 'proxy.istio.io/config': `{proxyMetadata: {ISTIO_META_DNS_CAPTURE: ${value}}}` } });
    expect(captures(injected(plain()))).to.deep.equal({ redirected: false, agent: undefined });
    expect(captures(injected(plain(), capturing))).to.deep.equal({ redirected: true, agent: 'true' });
    expect(captures(injected(asked('"true"')))).to.deep.equal({ redirected: true, agent: 'true' });
    expect(captures(injected(asked('"false"'), capturing))).to.deep.equal({ redirected: false, agent: 'false' });
  });

  it('takes cluster and network from the URL', () => {
    const { pod } = injected(plain(), makeContext({ place: { cluster: 'east', network: 'n1' } }));
    const env = proxyOf(pod)?.env ?? [];
    expect(env).to.deep.include({ name: 'ISTIO_META_CLUSTER_ID', value: 'east' });
    expect(env).to.deep.include({ name: 'ISTIO_META_NETWORK', value: 'n1' });
  });

  it('validates instead of setting the redirection when a CNI plugin does that', () => {
    const { pod } = injected(plain(), makeContext({}, { pilot: { cni: { enabled: true } } }));
    const [init] = pod.spec?.initContainers ?? [];
    expect(init).to.have.property('name', 'istio-validation');
    expect(init?.args).to.include.members(['--run-validation', '--skip-rule-apply']);
    expect(init?.securityContext).to.deep.include({ runAsNonRoot: true, capabilities: { drop: ['ALL'] } });
  });

  const refused: [string, string, string][] = [
    ['sidecar.istio.io/interceptionMode', 'redirect', 'must be REDIRECT, TPROXY or NONE'],
    ['sidecar.istio.io/proxyCPU', 'lots', 'Kubernetes quantity'],
    ['traffic.sidecar.istio.io/excludeInboundPorts', '80,x', 'port numbers'],
    ['traffic.sidecar.istio.io/includeInboundPorts', '70000', 'port numbers'],
    ['traffic.sidecar.istio.io/includeOutboundIPRanges', '10.0.0.0/33', 'IP ranges'],
    ['traffic.sidecar.istio.io/excludeOutboundIPRanges', '*', 'IP ranges'],
    ['sidecar.istio.io/userVolume', '[]', 'JSON object'],
    ['sidecar.istio.io/proxyImage', 'a b', 'image'],
    ['sidecar.istio.io/logLevel', 'debug\n- name: evil', 'log level'],
    ['status.sidecar.istio.io/port', '-1', 'port number'],
    ['sidecar.istio.io/nativeSidecar', 'maybe', '"true" or "false"'],
    ['inject.istio.io/templates', 'mine', 'sidecar or gateway'],
    ['proxy.istio.io/config', 'a: [', 'YAML'],
    ['proxy.istio.io/config', 'concurrency: many', 'concurrency'],
  ];
  for (const [annotation, value, message] of refused) {
    it(`refuses ${annotation}: ${JSON.stringify(value)} and names it`, () => {
      const result = buildInjectedPod(plain({ annotations: { [annotation]: value } }), makeContext());
      expect(result.kind).to.equal('refused');
      const [error] = result.kind === 'refused' ? result.errors : [];
      expect(`${error?.path}: ${error?.message}`)
        .to.include(`metadata.annotations["${annotation}"]`)
        .and.include(message);
    });
  }

  it('warns about annotations that nothing reads', () => {
    const { warnings } = injected(
      plain({
        annotations: {
          'sidecar.istio.io/proxyCpu': '1',
          'sidecar.istio.io/statsFlushInterval': '5s',
          'example.com/a': 'b',
        },
      }),
    );
    expect(warnings.map(({ path }) => path)).to.deep.equal([
      'metadata.annotations["sidecar.istio.io/proxyCpu"]',
      'metadata.annotations["sidecar.istio.io/statsFlushInterval"]',
    ]);
  });

  it('refuses a pod whose volume bears the name of ours', () => {
    const pod = plain();
    const taken: Pod = {
      ...pod,
      spec: { containers: [{ name: 'app' }], volumes: [{ name: 'istio-token', emptyDir: {} }] },
    };
    expect(buildInjectedPod(taken, makeContext())).to.have.nested.property('errors[0].path', 'spec.volumes');
  });

  it('never throws, whatever stands where a pod should be', () => {
    const word = fc.constantFrom(
      'name',
      'containers',
      'initContainers',
      'ports',
      'env',
      'httpGet',
      'readinessProbe',
      'lifecycle',
      'preStop',
      'labels',
      'annotations',
      'volumes',
      'image',
      'port',
    );
    const json = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<unknown>('istio-proxy', '', 0, 8080, null, true),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(word, tie('node'), { maxKeys: 4, noNullPrototype: true }),
      ),
    })).node;
    const kinds = new Set<string>();
    const check = (pod: unknown) => kinds.add(buildInjectedPod(pod as Pod, makeContext()).kind);
    fc.assert(
      fc.property(json, (node) => void check(node)),
      { numRuns: 200 },
    );
    fc.assert(
      fc.property(
        fc.dictionary(word, json, { noNullPrototype: true }),
        (node) => void check({ metadata: node, spec: node }),
      ),
      { numRuns: 300 },
    );
    const container = fc.dictionary(word, json, { noNullPrototype: true }).map((fields) => ({ ...fields, name: 'c' }));
    fc.assert(
      fc.property(fc.array(container), (containers) => void check({ spec: { containers } })),
      { numRuns: 600 },
    );
    expect([...kinds].sort()).to.include.members(['injected', 'refused']);
  });

  it('injects a pod that only claims to be injected', () => {
    expect(injected(plain({ annotations: { 'sidecar.istio.io/status': '{}' } })).kind).to.equal('injected');
  });
});
