import { assert } from 'chai';
import { ineffectiveProviders } from './checks.ts';
import { defaultMeshConfig, defaultProxyConfig } from './defaults.ts';
import { parseMeshConfig, parseMeshNetworks, parseProxyConfig } from './parse.ts';

function meshOf(yaml: unknown) {
  const result = parseMeshConfig(yaml);
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result;
}

describe('parseMeshConfig', () => {
  it('yields the defaults for an empty file', () => {
    assert.deepEqual(meshOf(null).value, { ...defaultMeshConfig });
    assert.deepEqual(meshOf({}).warnings, []);
  });

  it('replaces fields, but merges the proxy configuration and its metadata', () => {
    const base = { ...defaultMeshConfig, defaultConfig: { ...defaultProxyConfig, proxyMetadata: { A: '1', B: '1' } } };
    const result = parseMeshConfig(
      { defaultConfig: { statusPort: 1, proxyMetadata: { B: '2' } }, accessLogFile: '/a' },
      base,
    );
    assert.isTrue(result.ok);
    if (!result.ok) return;
    assert.equal(result.value.accessLogFile, '/a');
    assert.equal(result.value.defaultConfig?.discoveryAddress, defaultProxyConfig.discoveryAddress);
    assert.equal(result.value.defaultConfig?.statusPort, 1);
    assert.deepEqual(result.value.defaultConfig?.proxyMetadata, { A: '1', B: '2' });
  });

  it('joins providers by name and trust domain aliases as a set', () => {
    const { value } = meshOf({
      extensionProviders: [
        { name: 'prometheus', prometheus: {} },
        { name: 'zipkin', zipkin: { service: 'z', port: 9411 } },
      ],
      trustDomainAliases: ['b', 'a', 'b'],
    });
    assert.deepEqual(
      value.extensionProviders?.map((provider) => provider.name),
      ['prometheus', 'stackdriver', 'envoy', 'zipkin'],
    );
    assert.deepEqual(value.trustDomainAliases, ['a', 'b']);
  });

  it('reads protobuf names, nulls, and unquoted values of the environment', () => {
    const { value, warnings } = meshOf({
      access_log_file: '/dev/stdout',
      mesh_mTLS: { min_protocol_version: 'TLSV1_3' },
      trustDomain: null,
      default_config: { proxy_metadata: { ISTIO_META_DNS_CAPTURE: true, WEIGHT: 0.5 } },
    });
    assert.deepEqual(warnings, []);
    assert.equal(value.accessLogFile, '/dev/stdout');
    assert.deepEqual(value.meshMTLS, { minProtocolVersion: 'TLSV1_3' });
    assert.equal(value.trustDomain, 'cluster.local');
    assert.deepEqual(value.defaultConfig?.proxyMetadata, { ISTIO_META_DNS_CAPTURE: 'true', WEIGHT: '0.5' });
  });

  it('warns of unknown fields and goes on', () => {
    assert.deepEqual(meshOf({ tomorrow: 1, defaultConfig: { tracing: { tomorow: 1 } } }).warnings, [
      { path: 'tomorrow', message: 'unknown field', severity: 'warning' },
      { path: 'defaultConfig.tracing.tomorow', message: 'unknown field', severity: 'warning' },
    ]);
  });

  it('warns of an access log that is no JSON, and takes one that is', () => {
    const warned = meshOf({ accessLogEncoding: 'JSON', accessLogFormat: '%START_TIME%' }).warnings;
    assert.deepEqual(
      warned.map(({ path, severity }) => [path, severity]),
      [['accessLogFormat', 'warning']],
    );
    const formats = [
      { accessLogFormat: '%REQ(X-A?:PATH):10% 100%% %CEL(request.url_path.startsWith("/a%"))%\n' },
      { accessLogEncoding: 'JSON', accessLogFormat: '{"at": "%START_TIME(%Y/%m)%", "one": 1}' },
    ];
    for (const format of formats) assert.deepEqual(meshOf(format).warnings, []);
  });

  const faulty: readonly (readonly [string, string])[] = [
    ['%RESPONSE_COD%', '%RESPONSE_COD% is no operator that Envoy knows'],
    ['%REQ%', '%REQ% needs an argument in parentheses'],
    ['%PROTOCOL(x)%', '%PROTOCOL(x)% takes no argument'],
    ['%PROTOCOL:3%', '%PROTOCOL:3% takes no length'],
    ['%REQ(a b)%', '%REQ(a b)% has an argument that Envoy cannot read'],
    ['%protocol%', 'a % must be doubled, or enclose a command operator'],
  ];
  for (const [format, message] of faulty) {
    it(`says what is wrong with the access log ${format}`, () => {
      const parsed = parseMeshConfig({ accessLogEncoding: 'JSON', accessLogFormat: JSON.stringify({ a: [format] }) });
      assert.deepEqual(!parsed.ok && parsed.errors, [{ path: 'accessLogFormat', message, severity: 'error' }]);
    });
  }

  const wrong: readonly (readonly [string, unknown, string])[] = [
    ['a wrong type', { proxyListenPort: '15001' }, 'proxyListenPort'],
    ['no port', { proxyListenPort: 70_000 }, 'proxyListenPort'],
    ['an unknown word', { outboundTrafficPolicy: { mode: 'DENY' } }, 'outboundTrafficPolicy.mode'],
    ['no duration', { connectTimeout: 'fast' }, 'connectTimeout'],
    [
      'a provider of two kinds',
      { extensionProviders: [{ name: 'a', prometheus: {}, zipkin: {} }] },
      'extensionProviders[0]',
    ],
    ['a provider of no kind', { extensionProviders: [{ name: 'a' }] }, 'extensionProviders[3]'],
    ['an access log with an operator that has no end', { accessLogFormat: '%START_TIME% 100%' }, 'accessLogFormat'],
    [
      'the same in JSON',
      { accessLogEncoding: 'JSON', accessLogFormat: '{"a": {"b": ["%REQ(:METHOD)"]}}' },
      'accessLogFormat',
    ],
    ['an access log with a mistyped operator', { accessLogFormat: '%RESPONSE_COD%' }, 'accessLogFormat'],
    ['an empty trust domain', { trustDomain: '' }, 'trustDomain'],
    ['a trust domain that no SPIFFE id can bear', { trustDomain: 'a/b' }, 'trustDomain'],
    [
      'a discovery selector without a key',
      { discoverySelectors: [{}, { matchExpressions: [{ operator: 'Exists' }] }] },
      'discoverySelectors[1].matchExpressions[0].key',
    ],
    [
      'a visibility of ServiceEntries by a selector without a key',
      {
        serviceEntryVisibility: {
          policies: [{}, { matchingRules: [{}, { namespaceSelector: { matchExpressions: [{ operator: 'In' }] } }] }],
        },
      },
      'serviceEntryVisibility.policies[1].matchingRules[1].namespaceSelector.matchExpressions[0].key',
    ],
    [
      'a discovery selector with an unknown operator',
      { discoverySelectors: [{ matchExpressions: [{ key: 'a', operator: 'Like', values: ['b'] }] }] },
      'discoverySelectors[0].matchExpressions[0].operator',
    ],
    [
      'a discovery selector without values',
      { discoverySelectors: [{ matchExpressions: [{ key: 'a', operator: 'In' }] }] },
      'discoverySelectors[0].matchExpressions[0].values',
    ],
    [
      'a discovery selector with values too many',
      { discoverySelectors: [{ matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }] },
      'discoverySelectors[0].matchExpressions[0].values',
    ],
    ['no object', 'accessLogFile: /dev/stdout', ''],
  ];
  for (const [what, yaml, path] of wrong) {
    it(`refuses ${what}`, () => {
      const result = parseMeshConfig(yaml);
      assert.deepEqual(result.ok ? [] : result.errors.map((error) => error.path), [path]);
    });
  }

  it('tells which providers stock Envoy cannot serve', () => {
    assert.deepEqual(
      ineffectiveProviders(meshOf({}).value).map((warning) => warning.path),
      ['extensionProviders[1].stackdriver'],
    );
  });
});

describe('parseProxyConfig', () => {
  it('reads the annotation over the settings of the mesh', () => {
    const result = parseProxyConfig({ concurrency: 0, holdApplicationUntilProxyStarts: true });
    assert.deepEqual(result.ok ? result.value : {}, {
      ...defaultProxyConfig,
      concurrency: 0,
      holdApplicationUntilProxyStarts: true,
    });
  });
});

describe('parseMeshNetworks', () => {
  it('reads networks by name', () => {
    const networks = { a: { endpoints: [{ fromRegistry: 'one' }], gateways: [{ address: '10.0.0.1', port: 15_443 }] } };
    assert.deepEqual(parseMeshNetworks({ networks }), { ok: true, value: { networks }, warnings: [] });
  });

  it('refuses a gateway with two addresses', () => {
    const gateways = [{ address: '10.0.0.1', registryServiceName: 'gw', port: 1 }];
    const result = parseMeshNetworks({ networks: { 'net-1': { gateways } } });
    assert.deepEqual(result.ok ? [] : result.errors.map((error) => error.path), ['networks["net-1"].gateways[0]']);
  });
});
