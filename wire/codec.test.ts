import { expect } from 'chai';
import { LateenError } from '#runtime/core/index.ts';
import { codec as agent } from './agent.ts';
import { decode, encode, fromJson, type Message, pack, toJson, typeUrl, unpack } from './index.ts';

const clusterType = 'envoy.config.cluster.v3.Cluster';

const cluster: Message<typeof clusterType> = {
  name: 'outbound|80||reviews.default.svc.cluster.local',
  type: 'EDS',
  edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' }, serviceName: 'reviews' },
  connectTimeout: { seconds: 10 },
  lbPolicy: 'LEAST_REQUEST',
  circuitBreakers: { thresholds: [{ maxConnections: { value: 4294967295 } }] },
  metadata: { filterMetadata: { istio: { fields: { b: { stringValue: 'x' }, a: { boolValue: true } } } } },
};

describe('wire', () => {
  it('round-trips a cluster', () => {
    expect(decode(clusterType, encode(clusterType, cluster))).to.deep.equal(cluster);
  });

  it('gives the same bytes whatever the order of properties and map keys', () => {
    const reversed = JSON.parse(JSON.stringify(cluster), (_, value) =>
      value && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    );
    expect(encode(clusterType, reversed)).to.deep.equal(encode(clusterType, cluster));
  });

  it('leaves out defaults, but keeps those that have presence', () => {
    expect(encode(clusterType, { name: '', lbPolicy: 'ROUND_ROBIN' })).to.have.length(0);
    expect(encode('google.protobuf.Value', { boolValue: false })).to.have.length(2);
    expect(decode(clusterType, encode(clusterType, { perConnectionBufferLimitBytes: { value: 0 } }))).to.deep.equal({
      perConnectionBufferLimitBytes: {},
    });
  });

  const wrong: [string, object, string][] = [
    ['an unknown field', { nmae: 'x' }, 'has no field "nmae"'],
    [
      'an unknown field within',
      { edsClusterConfig: { edsConfig: { adds: {} } } },
      `${clusterType}.edsClusterConfig.edsConfig:`,
    ],
    ['a wrong scalar', { name: 5 }, `${clusterType}.name: expected a string, got 5`],
    ['a wrong enum value', { lbPolicy: 'FASTEST' }, `${clusterType}.lbPolicy: "FASTEST"`],
    [
      'a number out of range',
      { connectTimeout: { nanos: 2 ** 31 } },
      `${clusterType}.connectTimeout.nanos: expected an integer`,
    ],
    ['two members of a oneof', { type: 'EDS', clusterType: { name: 'x' } }, 'oneof cluster_discovery_type'],
    ['an object for a list', { filters: {} }, `${clusterType}.filters: expected an array`],
    ['a wrong list item', { filters: [{ name: 'a' }, { name: 1 }] }, `${clusterType}.filters[1].name`],
  ];
  for (const [what, value, message] of wrong) {
    it(`refuses ${what} and names its path`, () => {
      expect(() => encode(clusterType, value)).to.throw(LateenError, message);
    });
  }

  it('keeps 64-bit numbers exact', () => {
    const type = 'google.protobuf.UInt64Value';
    for (const value of [1, 2 ** 53 - 1, 2n ** 53n, 2n ** 64n - 1n])
      expect(decode(type, encode(type, { value }))).to.deep.equal({ value });
    for (const value of [-1, -(2n ** 63n)]) {
      expect(decode('google.protobuf.Int64Value', encode('google.protobuf.Int64Value', { value }))).to.deep.equal({
        value,
      });
    }
    expect(() => encode(type, { value: 2n ** 64n })).to.throw(LateenError, 'unsigned 64-bit');
  });

  it('packs and unpacks an Any', () => {
    const any = pack(clusterType, cluster);
    expect(any.typeUrl).to.equal('type.googleapis.com/envoy.config.cluster.v3.Cluster');
    expect(any.typeUrl).to.equal(typeUrl(clusterType));
    expect(unpack(clusterType, any)).to.deep.equal(cluster);
    expect(unpack('envoy.config.listener.v3.Listener', any)).to.equal(undefined);
  });

  it('renders canonical JSON and reads it back', () => {
    const json = {
      name: 'l',
      filterChains: [
        {
          filters: [
            {
              name: 'envoy.filters.network.tcp_proxy',
              typedConfig: {
                '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
                statPrefix: 's',
                cluster: 'c',
                idleTimeout: '1.500s',
                maxConnectAttempts: 3,
              },
            },
          ],
        },
      ],
      metadata: { filterMetadata: { a: { list: [1, 'x', null, true, { b: {} }] } } },
      listenerFiltersTimeout: '0s',
    };
    const listener = fromJson('envoy.config.listener.v3.Listener', json);
    expect(toJson('envoy.config.listener.v3.Listener', listener)).to.deep.equal(json);
    const bytes = encode('envoy.config.listener.v3.Listener', listener);
    expect(
      toJson('envoy.config.listener.v3.Listener', decode('envoy.config.listener.v3.Listener', bytes), {
        protoNames: true,
      }),
    ).to.have.nested.property('filter_chains[0].filters[0].typed_config.idle_timeout', '1.500s');
  });

  it('reads original field names, and names the path of what is wrong', () => {
    expect(fromJson(clusterType, { connect_timeout: '0.25s' })).to.deep.equal({
      connectTimeout: { nanos: 250_000_000 },
    });
    expect(() => fromJson(clusterType, { edsClusterConfig: { edsConfig: { x: 1 } } })).to.throw(
      LateenError,
      'edsClusterConfig.edsConfig.x: ',
    );
    expect(() => fromJson(clusterType, { connectTimeout: 'soon' })).to.throw(
      LateenError,
      'connectTimeout: expected a duration',
    );
    expect(() => fromJson('google.protobuf.Any', { '@type': 'x/a.B' })).to.throw(
      LateenError,
      '@type: unknown type a.B',
    );
  });

  it('treats names of prototype properties as data', () => {
    const json = JSON.parse('{"filterMetadata": {"__proto__": {"constructor": "x"}}}');
    const metadata = fromJson('envoy.config.core.v3.Metadata', json);
    const decoded = decode('envoy.config.core.v3.Metadata', encode('envoy.config.core.v3.Metadata', metadata));
    expect(JSON.stringify(toJson('envoy.config.core.v3.Metadata', decoded))).to.equal(JSON.stringify(json));
    expect(() => fromJson('envoy.config.core.v3.Metadata', JSON.parse('{"__proto__": 1}'))).to.throw(
      LateenError,
      '__proto__',
    );
  });

  it('gives the agent the same bytes from its own small set', () => {
    const request = { csr: 'pem', validityDuration: 86400 };
    expect(agent.encode('istio.v1.auth.IstioCertificateRequest', request)).to.deep.equal(
      encode('istio.v1.auth.IstioCertificateRequest', request),
    );
    const secret: Message<'envoy.extensions.transport_sockets.tls.v3.Secret'> = {
      name: 'default',
      tlsCertificate: { privateKey: { inlineBytes: Buffer.from('k') } },
    };
    const response = {
      versionInfo: '1',
      resources: [agent.pack('envoy.extensions.transport_sockets.tls.v3.Secret', secret)],
    };
    const bytes = agent.encode('envoy.service.discovery.v3.DiscoveryResponse', response);
    expect(decode('envoy.service.discovery.v3.DiscoveryResponse', bytes)).to.deep.equal(response);
  });
});
