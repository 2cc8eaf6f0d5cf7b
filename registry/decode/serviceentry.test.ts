import { expect } from 'chai';
import type { ServiceEntrySpec } from '#api/index.ts';
import type { Config, Service } from '#model/index.ts';
import { parseObjects } from '../memory.ts';
import { parseConfig } from './config.ts';
import { parseServiceEntry } from './serviceentry.ts';

const context = { clusterId: 'c1', domainSuffix: 'cluster.local', network: '' };

function services(spec: string, more = ''): readonly Service[] {
  const [object] = parseObjects(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: shop, uid: u1, generation: 7, creationTimestamp: "2026-01-01T00:00:00Z"${/^(labels|annotations)/.test(more) ? `, ${more}` : ''}}
spec: ${spec}
${more.startsWith('status') ? more : ''}
`);
  const parsed = object && parseConfig('ServiceEntry', object, context);
  if (!parsed?.ok) throw new Error(`not valid: ${JSON.stringify(parsed)}`);
  return [...parseServiceEntry(parsed.config as Config<ServiceEntrySpec>).values()];
}

describe('a ServiceEntry', () => {
  it('is one destination per host, in lower case, with the origin of the entry and no generation of its own', () => {
    const [first, second] = services(
      '{hosts: [API.example.com, "*.example.org"], resolution: DNS, endpoints: [{address: a.example.com}], exportTo: ["."], ports: [{number: 443, name: tls, protocol: TLS}]}',
    );
    expect(first).to.deep.include({
      ...{ cluster: 'c1', namespace: 'shop', name: 'api', uid: 'u1', generation: 0 },
      createdAt: Date.parse('2026-01-01T00:00:00Z'),
      hostname: 'api.example.com',
      registry: 'External',
      resolution: 'dns',
      exportTo: ['.'],
      ports: [{ name: 'tls', port: 443, targetPort: 443, protocol: 'TLS' }],
      entry: { external: true, subjectAltNames: [], allocated: [] },
    });
    expect(second?.hostname).to.equal('*.example.org');
  });

  const resolutions: readonly (readonly [string, Service['resolution']])[] = [
    ['', 'passthrough'],
    ['resolution: NONE,', 'passthrough'],
    ['resolution: STATIC,', 'eds'],
    ['resolution: DNS,', 'dns'],
    ['resolution: DNS_ROUND_ROBIN,', 'dns-round-robin'],
  ];
  for (const [field, expected] of resolutions) {
    it(`finds its endpoints by ${expected} for "${field}"`, () => {
      expect(services(`{${field} hosts: [a.example.com]}`)[0]?.resolution).to.equal(expected);
    });
  }

  it('races connections where its annotation says so', () => {
    const races = (annotation: string) =>
      services(
        '{hosts: [a.example.com], resolution: DNS}',
        `annotations: {istio.io/connect-strategy: ${annotation}}`,
      )[0]?.entry?.raceConnections;
    expect(races('race_first_tcp_connect')).to.equal(true);
    expect(races('DEFAULT')).to.equal(undefined);
  });

  it('looks up the name of each request for DYNAMIC_DNS', () => {
    const [service] = services(
      '{resolution: DYNAMIC_DNS, hosts: ["*.a.com"], ports: [{number: 80, name: http, protocol: HTTP}]}',
    );
    expect(service?.resolution).to.equal('dynamic-dns');
  });

  const protocols: readonly (readonly [string, string])[] = [
    ['protocol: HTTP', 'HTTP'],
    ['protocol: http2', 'HTTP2'],
    ['protocol: GRPC-Web', 'GRPC-Web'],
    ['protocol: HTTPS', 'HTTPS'],
    ['protocol: MONGO', 'Mongo'],
    ['protocol: TCP', 'TCP'],
    ['protocol: UDP', 'UDP'],
    ['protocol: ""', 'Auto'],
    ['', 'Auto'],
  ];
  for (const [field, expected] of protocols) {
    it(`takes a port with "${field}" for ${expected}`, () => {
      const [service] = services(`{hosts: [a.com], ports: [{number: 1, name: http, ${field}}]}`);
      expect(service?.ports[0]?.protocol).to.equal(expected);
    });
  }

  const addresses: readonly (readonly [string, string])[] = [
    ['10.1.2.3', '10.1.2.3'],
    ['10.1.2.3/32', '10.1.2.3'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.2.255/25', '10.1.2.128/25'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['fd00::1', 'fd00::1'],
    ['fd00::1/128', 'fd00::1'],
    ['fd00:1:2:3:4::5/33', 'fd00:1::/33'],
    ['2001:db8:ffff::/35', '2001:db8:e000::/35'],
    ['::ffff:1/112', '::ffff:0/112'],
  ];
  for (const [written, read] of addresses) {
    it(`reads the address ${written} as ${read}`, () => {
      const [service] = services(`{hosts: [a.com], addresses: ["${written}"]}`);
      expect(service?.addresses).to.deep.equal([{ family: read.includes(':') ? 'ipv6' : 'ipv4', address: read }]);
    });
  }

  it('has the addresses that were allocated for its hosts, unless it needs none or asks for none', () => {
    const status =
      'status: {addresses: [{value: 240.240.0.1, host: a.com}, {value: "2001:2::1", host: a.com}, {value: 240.240.0.2, host: b.com}, {value: nonsense, host: a.com}]}';
    const allocated = (spec: string, more = status) =>
      services(spec, more)[0]?.entry?.allocated.map(({ address }) => address);
    expect(allocated('{hosts: [a.com], resolution: DNS}')).to.deep.equal(['240.240.0.1', '2001:2::1']);
    expect(allocated('{hosts: [c.com], resolution: DNS}')).to.deep.equal([]);
    expect(allocated('{hosts: [a.com], resolution: NONE}')).to.deep.equal([]);
    expect(allocated('{hosts: [a.com], resolution: STATIC, addresses: [10.0.0.1]}')).to.deep.equal([]);
    const off = 'labels: {networking.istio.io/enable-autoallocate-ip: "false"}';
    expect(allocated('{hosts: [a.com], resolution: DNS}', off)).to.deep.equal([]);
  });
});
