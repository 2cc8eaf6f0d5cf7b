import { expect } from 'chai';
import type { VirtualHost } from '#model/index.ts';
import { decode } from '#wire/index.ts';
import { assembleRouteTable, buildPart, separateDomains } from './route-table.ts';

const host = (name: string, ...domains: readonly string[]): VirtualHost => ({
  name,
  domains,
  routes: [
    {
      name: 'default',
      match: { path: { kind: 'prefix', value: '/' }, ignoreCase: false, headers: [], queryParameters: [] },
      action: {
        kind: 'forward',
        clusters: [{ cluster: { direction: 'outbound', port: 80, subset: '', hostname: name }, weight: 1 }],
        timeoutMs: 0,
      },
      sources: [],
    },
  ],
  requireTls: false,
  sources: [],
});

const contents = (...hosts: readonly VirtualHost[]) => {
  const { bytes } = assembleRouteTable('80', hosts.map(buildPart));
  return decode('envoy.config.route.v3.RouteConfiguration', bytes).virtualHosts?.map(({ name, domains }) => [
    name,
    domains,
  ]);
};

describe('a route table of encoded parts', () => {
  it('holds them in their order and needs their clusters', () => {
    expect(contents(host('b', 'b.com'), host('a', 'a.com'))).to.deep.equal([
      ['b', ['b.com']],
      ['a', ['a.com']],
    ]);
    const table = assembleRouteTable('80', [buildPart(host('b', 'b.com')), buildPart(host('a', 'a.com'))]);
    expect(table.needs).to.deep.equal(['outbound|80||a', 'outbound|80||b']);
  });

  it('gives a domain that two claim to the first, and leaves out what has none left', () => {
    expect(contents(host('a', 'a.com', '10.0.0.1'), host('b', 'b.com', '10.0.0.1'), host('c', 'a.com'))).to.deep.equal([
      ['a', ['a.com', '10.0.0.1']],
      ['b', ['b.com']],
    ]);
  });

  it('leaves parts that share nothing as they are', () => {
    const parts = [buildPart(host('a', 'a.com')), buildPart(host('b', 'b.com'))];
    expect(separateDomains(parts)).to.deep.equal(parts);
  });

  it('is the identical object when its parts are equal, another when one changed', () => {
    const table = (domain: string) =>
      assembleRouteTable('80', [buildPart(host('a', 'a.com')), buildPart(host('b', domain))]);
    expect(table('b.com')).to.equal(table('b.com'));
    expect(table('b.com').version).not.to.equal(table('c.com').version);
  });
});
