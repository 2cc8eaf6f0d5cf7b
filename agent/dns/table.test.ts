import { expect } from 'chai';
import fc from 'fast-check';
import { NameTable, parseNames } from './table.ts';

const kubernetes = (ip: string) => ({ ips: [ip], registry: 'Kubernetes' });
const external = (...ips: string[]) => ({ ips, registry: 'External' });

function createTable(parts: Readonly<Record<string, Parameters<typeof parseNames>[0]>>): NameTable {
  const table = new NameTable({
    namespace: 'shop',
    domain: 'svc.cluster.local',
    search: ['shop.svc.cluster.local', 'svc.cluster.local', 'Cluster.Local.', 'corp.example'],
  });
  table.update(
    Object.entries(parts).map(([name, entries]) => [name, parseNames(entries)] as const),
    [],
  );
  return table;
}

describe('the name table', () => {
  const table = createTable({
    mesh: {
      'cart.shop.svc.cluster.local': kubernetes('10.96.0.1'),
      'mysql-0.mysql.shop.svc.cluster.local': kubernetes('10.1.0.7'),
      'reviews.books.svc.cluster.local': kubernetes('10.96.0.2'),
      'API.Example.com.': external('240.240.0.1', '2001:2::1'),
      '*.wild.example': external('240.240.0.2'),
      '*.deep.wild.example': external('240.240.0.3'),
      'exact.wild.example': external('240.240.0.4'),
      'db.shop.svc.cluster.local': external('240.240.0.5'),
      'broken.example': external('10.0.0.0/8', 'nonsense'),
    },
  });
  const first = (name: string) => table.lookup(name)?.addresses[0];

  it('knows a Service by every name that its clients may use', () => {
    for (const name of ['cart.shop.svc.cluster.local', 'cart', 'cart.shop', 'cart.shop.svc'])
      expect(table.lookup(name), name).to.deep.equal({ addresses: ['10.96.0.1'] });
    for (const name of ['reviews.books.svc.cluster.local', 'reviews.books', 'reviews.books.svc'])
      expect(first(name), name).to.equal('10.96.0.2');
    expect(first('mysql-0.mysql'), 'a pod of a StatefulSet').to.equal('10.1.0.7');
    expect(first('reviews'), 'a short name is of the own namespace').to.equal(undefined);
    expect(first('db.shop'), 'only Services have short names').to.equal(undefined);
    expect(first('svc'), 'no name at all').to.equal(undefined);
    expect(first('')).to.equal(undefined);
  });

  it('answers the expansions of a resolver’s search list with the name that was meant', () => {
    const meant = (name: string) => table.lookup(name)?.canonicalName;
    expect(table.lookup('api.example.com.shop.svc.cluster.local')).to.deep.equal({
      addresses: ['240.240.0.1', '2001:2::1'],
      canonicalName: 'api.example.com',
    });
    expect(meant('api.example.com.svc.cluster.local')).to.equal('api.example.com');
    expect(meant('api.example.com.cluster.local')).to.equal('api.example.com');
    expect(meant('reviews.books.shop.svc.cluster.local')).to.equal('reviews.books');
    expect(meant('x.wild.example.shop.svc.cluster.local')).to.equal('x.wild.example');
    expect(table.lookup('cart.corp.example'), 'below a domain of others it may be another host').to.equal(undefined);
    expect(table.lookup('unknown.example.shop.svc.cluster.local')).to.equal(undefined);
  });

  it('an exact name wins over a wildcard, the longer wildcard over the shorter', () => {
    expect(first('exact.wild.example')).to.equal('240.240.0.4');
    expect(first('a.wild.example')).to.equal('240.240.0.2');
    expect(first('a.b.wild.example')).to.equal('240.240.0.2');
    expect(first('a.deep.wild.example')).to.equal('240.240.0.3');
    expect(first('wild.example'), 'a wildcard stands for names below it').to.equal(undefined);
  });

  it('leaves out addresses that are none, and names without any', () => {
    expect(first('broken.example')).to.equal(undefined);
    expect(first('example.org')).to.equal(undefined);
  });

  it('replaces parts as a whole; of two that hold a name the first in order counts', () => {
    const parts = createTable({
      '1 mesh': { 'api.example.com': external('10.0.0.2'), 'gone.example.com': external('10.0.0.3') },
      '0 own': { 'api.example.com': external('10.0.0.1') },
    });
    const address = (name: string) => parts.lookup(name)?.addresses[0];
    expect(address('api.example.com')).to.equal('10.0.0.1');
    parts.update([['1 mesh', parseNames({ 'api.example.com': external('10.0.0.4') })]], ['0 own']);
    expect(address('api.example.com')).to.equal('10.0.0.4');
    expect(address('gone.example.com')).to.equal(undefined);
    expect(parts.size).to.equal(1);
  });

  it('is the same after any updates as when it is told everything at once', () => {
    const part: fc.Arbitrary<string> = fc.constantFrom('0 own', '1 mesh', '2 other');
    const hosts = fc.dictionary(fc.constantFrom('a.example', 'b.example', '*.example'), fc.ipV4(), {
      noNullPrototype: true,
    });
    const step = fc.record({ told: fc.dictionary(part, hosts, { noNullPrototype: true }), removed: fc.array(part) });
    const spell = (told: Readonly<Record<string, Readonly<Record<string, string>>>>) =>
      Object.entries(told).map(
        ([name, entries]) =>
          [
            name,
            parseNames(Object.fromEntries(Object.entries(entries).map(([host, ip]) => [host, external(ip)]))),
          ] as const,
      );
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const changing = createTable({});
        let all: Record<string, Readonly<Record<string, string>>> = {};
        for (const { told, removed } of steps) {
          changing.update(spell(told), removed);
          all = { ...Object.fromEntries(Object.entries(all).filter(([name]) => !removed.includes(name))), ...told };
        }
        const fresh = createTable({});
        fresh.update(spell(all), []);
        expect(changing.size).to.equal(fresh.size);
        for (const host of ['a.example', 'b.example', 'c.example'])
          expect(changing.lookup(host)).to.deep.equal(fresh.lookup(host));
      }),
    );
  });

  it('says nothing of any name before the control plane has', () => {
    const empty = new NameTable({ namespace: 'shop', domain: 'svc.cluster.local', search: [] });
    expect(empty.complete).to.equal(false);
    empty.update([], []);
    expect(empty.complete).to.equal(true);
  });
});
