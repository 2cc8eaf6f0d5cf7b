import { expect } from 'chai';
import { buildArguments } from './arguments.ts';
import { parseHostPort } from './hostport.ts';
import { parseDownward } from './podinfo.ts';
import { parseDuration } from './proxyconfig.ts';
import { parseProxySettings, resolveConcurrency } from './settings.ts';

/** What the injector sets for a sidecar. */
const env = {
  POD_NAME: 'reviews-v1-abc',
  POD_NAMESPACE: 'bookinfo',
  INSTANCE_IP: '10.0.0.7',
  SERVICE_ACCOUNT: 'reviews',
  CA_ADDR: 'istiod.istio-system.svc:15012',
  ISTIO_CPU_LIMIT: '4',
  ISTIO_META_CLUSTER_ID: 'east',
  ISTIO_META_WORKLOAD_NAME: 'reviews-v1',
  ISTIO_META_POD_PORTS: '[{"containerPort":9080,"protocol":"TCP"}]',
  ISTIO_METAJSON_LABELS: '{"extra":"1"}',
  TRUST_DOMAIN: 'example.org',
  PROXY_CONFIG:
    '{"drainDuration":"10s","termination_drain_duration":"1m30s","proxyStatsMatcher":{"inclusionPrefixes":["cluster.a"]}}',
};

const parse = (changes: Record<string, string> = {}, flags: Record<string, string> = {}) =>
  parseProxySettings({
    role: 'sidecar',
    flags,
    env: { ...env, ...changes },
    podInfo: {
      labels: { app: 'reviews', 'istio-locality': 'us-east.a.1' },
      annotations: { 'sidecar.istio.io/statsInclusionPrefixes': 'cluster.b, cluster.c' },
    },
    addresses: ['fd00::7', '10.0.0.7'],
    hostname: 'host',
    cpus: 16,
  });

describe('settings of the proxy', () => {
  it('come from the injector’s environment', () => {
    const { settings, problems } = parse({}, { domain: 'bookinfo.svc.cluster.local' });
    expect(problems).to.deep.equal([]);
    expect(settings.nodeId).to.equal('sidecar~10.0.0.7~reviews-v1-abc.bookinfo~bookinfo.svc.cluster.local');
    expect(settings.serviceCluster).to.equal('reviews.bookinfo');
    expect(settings.metadata).to.deep.include({
      CLUSTER_ID: 'east',
      NAME: 'reviews-v1-abc',
      NAMESPACE: 'bookinfo',
      INSTANCE_IPS: '10.0.0.7,fd00::7',
      SERVICE_ACCOUNT: 'reviews',
      WORKLOAD_NAME: 'reviews-v1',
      POD_PORTS: '[{"containerPort":9080,"protocol":"TCP"}]',
      PILOT_SAN: ['istiod.istio-system.svc'],
    });
    expect(settings.discovery).to.deep.equal({
      host: 'istiod.istio-system.svc',
      port: 15012,
      serverName: 'istiod.istio-system.svc',
    });
    expect(settings.certificate).to.deep.include({
      address: 'istiod.istio-system.svc:15012',
      trustDomain: 'example.org',
      ttlSeconds: 86400,
    });
    expect(settings.locality).to.deep.equal({ region: 'us-east', zone: 'a', subzone: '1' });
    expect(settings.drain).to.deep.equal({ duration: 90_000, untilIdle: false, minimum: 5000 });
    expect(settings.envoy).to.deep.include({ concurrency: 4, drainTime: 10, configPath: '/etc/istio/proxy' });
    expect(settings.envoy.statsInclusion.prefixes).to.deep.equal(['cluster.a', 'cluster.b', 'cluster.c']);
  });

  it('keep metadata given as JSON beside what the agent knows', () => {
    const { settings, problems } = parse({ ISTIO_METAJSON_STS: '{"port":1}', ISTIO_METAJSON_BAD: '[' });
    expect(settings.metadata.STS).to.deep.equal({ port: 1 });
    expect(problems.join()).to.contain('ISTIO_METAJSON_BAD');
    expect(parse({ ISTIO_METAJSON_BAD: '' }).problems).to.deep.equal([]);
  });

  it('merge labels that are given with those of the pod', () => {
    expect(parse().settings.metadata.LABELS).to.deep.equal({
      app: 'reviews',
      'istio-locality': 'us-east.a.1',
      extra: '1',
    });
  });

  it('name every mistake and nothing else', () => {
    const { problems } = parse(
      {
        PROXY_CONFIG: '{"discoveryAddress":"a b","concurrency":"two","drainDuration":5}',
        SECRET_GRACE_PERIOD_RATIO: '2',
        ISTIO_PROMETHEUS_ANNOTATIONS: '{"scrape":"true","port":"http"}',
      },
      { log_output_level: 'loud' },
    );
    expect(problems).to.have.length(6);
    for (const name of [
      'discoveryAddress',
      'concurrency',
      'drainDuration',
      'SECRET_GRACE_PERIOD_RATIO',
      'ISTIO_PROMETHEUS_ANNOTATIONS.port',
      '--log_output_level',
    ]) {
      expect(problems.join('\n')).to.contain(name);
    }
  });

  it('find where the application serves metrics', () => {
    const scrape = (annotations: object) =>
      parse({ ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify(annotations) }).settings.application;
    expect(scrape({ scrape: 'true', port: '9080', path: '/m' })).to.deep.equal({ port: 9080, path: '/m' });
    expect(scrape({ scrape: 'true' })).to.deep.equal({ port: 80, path: '/metrics' });
    expect(scrape({ scrape: 'false', port: '9080' })).to.equal(undefined);
    expect(scrape({ scrape: 'true', port: '15020' }), 'the agent itself').to.equal(undefined);
  });

  it('take probes as they are, and a wrong one as one that fails', () => {
    const { settings, problems } = parse({
      ISTIO_KUBE_APP_PROBERS: JSON.stringify({
        '/app-health/web/readyz': {
          httpGet: { path: 'ready', port: 8080, scheme: 'HTTPS', httpHeaders: [{ name: 'X-A', value: 'b' }] },
          timeoutSeconds: 3,
        },
        '/app-health/web/livez': { tcpSocket: { port: 8080 } },
        '/app-health/web/startupz': { grpc: { port: 9000, service: 'web' } },
        '/app-lifecycle/web/prestopz': { httpGet: { port: 'http' } },
      }),
    });
    expect(problems).to.deep.equal([]);
    expect(Object.fromEntries(settings.probes)).to.deep.equal({
      '/app-health/web/readyz': {
        target: { kind: 'http', scheme: 'https', port: 8080, path: '/ready', headers: { 'X-A': 'b' } },
        timeout: 3000,
      },
      '/app-health/web/livez': { target: { kind: 'tcp', port: 8080 }, timeout: 1000 },
      '/app-health/web/startupz': { target: { kind: 'grpc', port: 9000, service: 'web' }, timeout: 1000 },
      '/app-lifecycle/web/prestopz': {
        target: { kind: 'none', reason: 'httpGet.port: not a port number' },
        timeout: 1000,
      },
    });
  });

  it('choose worker threads: asked for, else the CPU limit, else two', () => {
    const problems: string[] = [];
    const resolve = (flag: string | undefined, configured: number | undefined, limit: string | undefined) =>
      resolveConcurrency(flag, configured, limit, 8, { add: (line) => problems.push(line) });
    expect(resolve(undefined, undefined, undefined)).to.equal(2);
    expect(resolve(undefined, undefined, '1.2')).to.equal(2);
    expect(resolve(undefined, undefined, '3')).to.equal(3);
    expect(resolve(undefined, 1, '3')).to.equal(1);
    expect(resolve('5', 1, '3')).to.equal(5);
    expect(resolve(undefined, 0, '3')).to.equal(8);
    expect(problems).to.deep.equal([]);
    resolve('many', undefined, undefined);
    expect(problems).to.have.length(1);
  });

  it('become Envoy’s command line', () => {
    const args = buildArguments(
      { ...parse().settings.envoy, concurrency: 3, logLevel: 'debug' },
      '/etc/istio/proxy/envoy-rev.json',
      false,
    );
    const flagValue = (flag: string) => args[args.indexOf(flag) + 1];
    expect(flagValue('--config-path')).to.equal('/etc/istio/proxy/envoy-rev.json');
    expect(flagValue('--concurrency')).to.equal('3');
    expect(flagValue('--drain-time-s')).to.equal('10');
    expect(flagValue('--log-level')).to.equal('debug');
    expect(flagValue('--component-log-level')).to.equal('misc:error');
  });
});

describe('small formats', () => {
  it('durations', () => {
    const cases: [string, number | undefined][] = [
      ['5s', 5],
      ['1m30s', 90],
      ['0.2s', 0.2],
      ['500ms', 0.5],
      ['2h', 7200],
      ['5', undefined],
      ['', undefined],
      ['-1s', undefined],
      ['5 s', undefined],
    ];
    for (const [text, seconds] of cases) expect(parseDuration(text), text).to.equal(seconds);
  });

  it('addresses', () => {
    expect(parseHostPort('istiod:15012', 1)).to.deep.equal({ host: 'istiod', port: 15012 });
    expect(parseHostPort('[fd00::1]:15012', 1)).to.deep.equal({ host: 'fd00::1', port: 15012 });
    expect(parseHostPort('istiod', 15012)).to.deep.equal({ host: 'istiod', port: 15012 });
    for (const text of ['', 'a:b', 'a:0', 'a:70000', 'fd00::1:1', 'http://a'])
      expect(parseHostPort(text, 1), text).to.equal(undefined);
  });

  it('files of the downward API', () => {
    expect(
      parseDownward('a="b"\nquoted="say \\"hi\\" \\u00fc \\x41 \\\\n"\nlines="1\\n2\\t3"\nempty=""\n'),
    ).to.deep.equal({
      a: 'b',
      quoted: 'say "hi" ü A \\n',
      lines: '1\n2\t3',
      empty: '',
    });
  });
});
