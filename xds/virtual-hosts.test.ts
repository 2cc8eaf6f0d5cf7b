import { expect } from 'chai';
import type { ServedResource } from './source.ts';
import { TestClient } from './testing/client.ts';
import { cluster, host, listener, route, snapshot } from './testing/resources.ts';

const tables = [route('80', [], 't'), route('90', [], 't')];

/** A client that holds both tables and these virtual hosts. */
function holding(...hosts: readonly ServedResource[]): TestClient {
  const client = new TestClient().start(snapshot(1, ...tables, ...hosts), { rds: ['80', '90'] });
  // Each table in a response of its own.
  client.subscribe('vhds');
  while (!client.session.settled()) client.ack('vhds');
  return client;
}

describe('session, virtual hosts', () => {
  it('come behind their table, without being asked for by name, once the client takes any', () => {
    const client = new TestClient().start(snapshot(1, ...tables, host('80/a'), host('80/b'), host('90/c')));
    expect(client.subscribe('rds', ['80'])).to.deep.equal(['rds 80@t']);
    expect(client.session.settled()).to.equal(false);
    expect(client.subscribe('vhds')).to.deep.equal(['vhds 80/a@1 80/b@1']);
    client.ack('rds');
    expect(client.session.settled()).to.equal(false);
    client.ack('vhds');
    expect(client.session.settled()).to.equal(true);
    // Envoy asks for virtual hosts once, whatever tables it takes later.
    expect(client.subscribe('rds', ['90'])).to.deep.equal(['rds 90@t', 'vhds 90/c@1']);
  });

  it('that changed are sent alone', () => {
    const client = holding(host('80/a'), host('80/b'));
    const next = snapshot(2, ...tables, host('80/a'), host('80/b', ['80/b'], '2'), host('80/c'));
    expect(client.aim(next)).to.deep.equal(['vhds 80/b@2 80/c@1']);
    client.ack('vhds');
    expect(client.aim(snapshot(3, ...tables, host('80/a')))).to.deep.equal(['vhds -80/b -80/c']);
  });

  it('are all sent again behind their table, whatever was acknowledged', () => {
    const client = holding(host('80/a'), host('90/c'));
    const next = snapshot(2, route('80', [], 'u'), tables[1] ?? route('90', []), host('80/a'), host('90/c'));
    expect(client.aim(next)).to.deep.equal(['rds 80@u', 'vhds 80/a@1']);
    client.ack('rds');
    client.ack('vhds');
    expect(client.subscribe('rds', ['90'])).to.deep.equal(['rds 90@t', 'vhds 90/c@1']);
  });

  it('of a table that nobody asks for any more are dropped, and come again with it', () => {
    const client = holding(host('80/a'), host('90/c'));
    expect(client.unsubscribe('rds', ['80'])).to.deep.equal([]);
    expect(client.aim(snapshot(2, ...tables, host('80/a', ['a'], '2'), host('90/c')))).to.deep.equal([]);
    expect(client.session.settled()).to.equal(true);
    expect(client.subscribe('rds', ['80'])).to.deep.equal(['rds 80@t', 'vhds 80/a@2']);
  });

  it('stay as they are while the client still uses a table that is gone', () => {
    const client = holding(host('80/a'), host('90/c'));
    const [, other = route('90', [])] = tables;
    expect(client.aim(snapshot(2, other, host('90/c')))).to.deep.equal([]);
    expect(client.session.settled()).to.equal(true);
    expect(client.aim(snapshot(3, ...tables, host('80/b'), host('90/c')))).to.deep.equal(['vhds 80/b@1 -80/a']);
  });

  it('of a table that is dropped and taken up again are not thought to be held, while a response is in flight', () => {
    const client = holding(host('80/a'), host('90/c'), host('90/d'));
    const [first = route('80', [])] = tables;
    expect(client.aim(snapshot(2, first, host('80/a', ['a'], '2')))).to.deep.equal(['vhds 80/a@2']);
    client.unsubscribe('rds', ['90']);
    client.aim(snapshot(3, ...tables, host('80/a', ['a'], '2'), host('90/c')));
    expect(client.subscribe('rds', ['90'])).to.deep.equal(['rds 90@t']);
    expect(client.ack('vhds')).to.deep.equal(['vhds 90/c@1']);
  });

  it('are sent whole after a reconnect, with what is gone in the meantime', () => {
    const client = new TestClient();
    client.aim(snapshot(5, listener('x'), ...tables, host('80/a'), host('80/b')));
    expect(client.subscribe('rds', ['80'], { 80: 't' })).to.deep.equal([]);
    const brought = { '80/a': '1', '80/old': '1', '90/c': '1' };
    expect(client.subscribe('vhds', [], brought)).to.deep.equal(['vhds 80/a@1 80/b@1 -80/old']);
  });

  it('are told to be absent to a client that asks for one by name, as the on-demand filter does', () => {
    const client = holding(host('80/a'));
    expect(client.subscribe('vhds', ['80/a', '80/x', '70/y'])).to.deep.equal(['vhds 80/a@1 ?80/x']);
    expect(client.unsubscribe('vhds', ['80/a'])).to.deep.equal([]);
    client.ack('vhds');
    expect(client.aim(snapshot(2, ...tables, host('80/a', ['a'], '2')))).to.deep.equal(['vhds 80/a@2']);
  });

  describe('travel in one response', () => {
    it('when a table is new to the client, whatever the size', () => {
      const client = new TestClient('delta', { chunkBytes: 10 }).start(
        snapshot(1, ...tables, host('80/a'), host('80/b'), host('80/c'), host('90/d')),
        { rds: ['80', '90'] },
      );
      expect(client.subscribe('vhds')).to.deep.equal(['vhds 80/a@1 80/b@1 80/c@1']);
      expect(client.ack('vhds')).to.deep.equal(['vhds 90/d@1']);
    });

    it('and wait together for their clusters then', () => {
      const client = new TestClient();
      client.aim(snapshot(1, cluster('c'), ...tables, host('80/a'), host('80/b', ['b'], '1', ['c'])));
      client.subscribe('cds');
      client.subscribe('lds');
      client.ack('lds');
      client.subscribe('rds', ['80']);
      expect(client.subscribe('vhds')).to.deep.equal([]);
      expect(client.session.waitingFor()).to.deep.equal(['c']);
      expect(client.ack('cds')).to.deep.equal(['vhds 80/a@1 80/b@1']);
    });

    it('when a domain moves from one to the other', () => {
      const client = holding(host('80/a', ['x', 'y']), host('80/b', ['z']), host('80/c', ['c']));
      const [table = route('80', [])] = tables;
      const moved = [host('80/a', ['y'], '2'), host('80/b', ['x', 'z'], '2', ['late']), host('80/c', ['c'], '2')];
      // What takes part in no move does not wait for a cluster that another one lacks.
      expect(client.aim(snapshot(2, table, ...moved))).to.deep.equal(['vhds 80/c@2']);
      expect(client.ack('vhds')).to.deep.equal([]);
      expect(client.wait(10_000)).to.deep.equal(['vhds 80/a@2 80/b@2']);
    });
  });

  describe('that are refused', () => {
    it('are found in a few steps, and all the others are taken', () => {
      const many = Array.from({ length: 64 }, (_, at) => host(`80/${String(at).padStart(2, '0')}`));
      const client = new TestClient().start(snapshot(1, ...tables, ...many), { rds: ['80'] });
      let [sent = ''] = client.subscribe('vhds');
      const steps: string[] = [];
      while (sent !== '') {
        steps.push(sent);
        [sent = ''] = sent.includes('80/37') ? client.nack('vhds', 'duplicate route in 80') : client.ack('vhds');
      }
      expect(steps.length).to.be.lessThan(16);
      expect(client.session.rejections().map(({ resources }) => resources)).to.deep.equal([['80/37']]);
      expect(client.session.settled()).to.equal(true);
    });

    it('stay with what cannot be parted from them, until any of it changes', () => {
      const client = holding(host('80/a', ['x', 'y']), host('80/b', ['z']));
      const moved = host('80/a', ['y'], '2');
      client.aim(snapshot(2, ...tables, moved, host('80/b', ['x', 'z'], 'bad'), host('80/c')));
      expect(client.nack('vhds')).to.deep.equal(['vhds 80/a@2 80/b@bad']);
      expect(client.nack('vhds')).to.deep.equal(['vhds 80/c@1']);
      expect(client.ack('vhds')).to.deep.equal([]);
      expect(client.session.rejections()[0]?.resources).to.deep.equal(['80/a', '80/b']);
      const mended = snapshot(3, ...tables, moved, host('80/b', ['x', 'z'], '2'), host('80/c'));
      expect(client.aim(mended)).to.deep.equal(['vhds 80/a@2 80/b@2']);
    });

    it('are sent with all the others when their table comes again', () => {
      const client = holding(host('80/a'));
      const next = [host('80/a', ['80/a'], '2'), host('80/b')];
      client.aim(snapshot(2, ...tables, ...next));
      const again = snapshot(3, route('80', [], 'u'), ...next);
      expect(client.aim(again)).to.deep.equal(['rds 80@u']);
      expect(client.nack('vhds')).to.deep.equal(['vhds 80/a@2 80/b@1']);
    });
  });

  it('keep the clusters that they name', () => {
    const before = host('80/a', ['a'], '1', ['old']);
    const client = new TestClient().start(snapshot(1, cluster('old'), cluster('new'), ...tables, before), {
      rds: ['80'],
    });
    client.subscribe('vhds');
    client.ack('vhds');
    const after = host('80/a', ['a'], '2', ['new']);
    expect(client.aim(snapshot(2, cluster('new'), ...tables, after))).to.deep.equal(['vhds 80/a@2']);
    expect(client.ack('vhds')).to.deep.equal(['cds -old']);
  });
});
