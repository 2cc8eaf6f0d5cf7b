import { expect } from 'chai';
import { TestClient } from './testing/client.ts';
import { cluster, listener, route, snapshot } from './testing/resources.ts';

/** A proxy that routes port 80 to cluster a. */
function routedToA(): TestClient {
  return new TestClient().start(snapshot(1, cluster('a'), listener('x'), route('80', ['a'])), { rds: ['80'] });
}

describe('make before break', () => {
  it('sends a new cluster first, the route when the cluster is acknowledged, and removes the old one after the route', () => {
    const client = routedToA();
    expect(client.aim(snapshot(2, cluster('b'), listener('x'), route('80', ['b'])))).to.deep.equal(['cds b@1']);
    expect(client.session.waitingFor()).to.deep.equal(['b']);
    expect(client.ack('cds')).to.deep.equal(['rds 80@b']);
    expect(client.session.waitingFor()).to.deep.equal([]);
    expect(client.ack('rds')).to.deep.equal(['cds -a']);
    client.ack('cds');
    expect(client.session.settled()).to.equal(true);
  });

  it('holds only the route that needs the cluster back, not others', () => {
    const client = new TestClient().start(snapshot(1, cluster('a'), route('80', ['a']), route('90', ['a'])), {
      rds: ['80', '90'],
    });
    const next = snapshot(2, cluster('a'), cluster('b'), route('80', ['b']), route('90', ['a'], '2'));
    expect(client.aim(next)).to.deep.equal(['cds b@1', 'rds 90@2']);
  });

  it('does not wait for a changed cluster that is held in its former version', () => {
    const client = routedToA();
    expect(client.aim(snapshot(2, cluster('a', '2'), listener('x'), route('80', ['a'], '2')))).to.deep.equal([
      'cds a@2',
      'rds 80@2',
    ]);
  });

  it('lets a route go when its cluster has not warmed for five seconds, and goes on naming the cluster', () => {
    const client = routedToA();
    client.aim(snapshot(2, cluster('a'), cluster('cold'), listener('x'), route('80', ['cold'])));
    expect(client.session.deadline(client.now)).to.equal(5000);
    expect(client.wait(4999)).to.deep.equal([]);
    expect(client.wait(1)).to.deep.equal(['rds 80@cold']);
    client.ack('rds');
    expect(client.session.waitingFor()).to.deep.equal(['cold']);
    expect(client.session.settled()).to.equal(false);
    client.ack('cds');
    expect(client.session.waitingFor()).to.deep.equal([]);
    expect(client.session.settled()).to.equal(true);
  });

  it('sends other clusters past one that does not warm, without sending that one again', () => {
    const client = routedToA();
    client.aim(snapshot(2, cluster('a'), cluster('cold'), listener('x'), route('80', ['a'])));
    expect(
      client.aim(snapshot(3, cluster('a'), cluster('cold'), cluster('warm'), listener('x'), route('80', ['a']))),
    ).to.deep.equal([]);
    expect(client.wait(5000)).to.deep.equal(['cds warm@1']);
  });

  it('keeps the acknowledged route while a cluster does not exist yet, for ten seconds at most', () => {
    const client = routedToA();
    expect(client.aim(snapshot(2, cluster('a'), listener('x'), route('80', ['late'])))).to.deep.equal([]);
    expect(client.session.waitingFor()).to.deep.equal(['late']);
    expect(client.wait(9999)).to.deep.equal([]);
    expect(client.wait(1)).to.deep.equal(['rds 80@late']);
  });

  it('sends both in order when the cluster comes a moment after the route that names it', () => {
    const client = routedToA();
    client.aim(snapshot(2, cluster('a'), listener('x'), route('80', ['late'])));
    expect(client.aim(snapshot(3, cluster('a'), cluster('late'), listener('x'), route('80', ['late'])))).to.deep.equal([
      'cds late@1',
    ]);
    expect(client.ack('cds')).to.deep.equal(['rds 80@late']);
  });

  it('does not let later changes start the wait anew', () => {
    const client = routedToA();
    client.aim(snapshot(2, cluster('a'), listener('x'), route('80', ['late'])));
    client.wait(6000);
    client.aim(snapshot(3, cluster('a'), listener('x'), route('80', ['late', 'later'])));
    expect(client.wait(4000)).to.deep.equal(['rds 80@late+later']);
  });

  it('waits for nothing that the route in force lacks as well', () => {
    const client = routedToA();
    client.aim(snapshot(2, cluster('a'), listener('x'), route('80', ['a', 'missing'])));
    client.wait(10_000);
    client.ack('rds');
    const next = snapshot(3, cluster('a'), listener('x'), route('80', ['a', 'missing'], 'other'));
    expect(client.aim(next)).to.deep.equal(['rds 80@other']);
  });

  it('does not keep a new proxy waiting for clusters that do not exist', () => {
    const client = new TestClient();
    client.aim(snapshot(1, cluster('a'), listener('x'), route('80', ['a', 'missing'])));
    client.subscribe('cds');
    client.ack('cds');
    expect(client.subscribe('rds', ['80'])).to.deep.equal(['rds 80@a+missing']);
  });

  it('keeps a removed cluster while a route that names it is in flight', () => {
    const client = routedToA();
    client.aim(snapshot(2, cluster('a'), cluster('b'), listener('x'), route('80', ['b'])));
    client.ack('cds');
    // Route 80 to b is sent and unanswered when b goes away again.
    expect(client.aim(snapshot(3, cluster('a'), listener('x'), route('80', ['a'], 'back')))).to.deep.equal([]);
    expect(client.ack('rds')).to.deep.equal(['rds 80@back']);
    expect(client.ack('rds')).to.deep.equal(['cds -b']);
  });

  it('does not count a cluster as held while its removal is in flight', () => {
    const client = routedToA();
    client.aim(snapshot(2, cluster('b'), listener('x'), route('80', ['b'])));
    client.ack('cds');
    expect(client.ack('rds')).to.deep.equal(['cds -a']);
    expect(
      client.aim(snapshot(3, cluster('a'), cluster('b'), listener('x'), route('80', ['a'], 'back'))),
    ).to.deep.equal([]);
    expect(client.ack('cds')).to.deep.equal(['cds a@1']);
    expect(client.ack('cds')).to.deep.equal(['rds 80@back']);
  });

  it('keeps a removed cluster for as long as a replaced listener may drain', () => {
    const client = new TestClient().start(snapshot(1, cluster('a'), cluster('b'), listener('tcp', ['a'])));
    client.aim(snapshot(2, cluster('b'), listener('tcp', ['b'])));
    expect(client.ack('lds')).to.deep.equal([]);
    expect(client.session.settled()).to.equal(true);
    expect(client.session.deadline(client.now)).to.equal(45_000);
    expect(client.wait(44_999)).to.deep.equal([]);
    expect(client.wait(1)).to.deep.equal(['cds -a']);
  });

  it('takes a cluster away after ten seconds although a route that is to stay names it, as a new proxy would not get it', () => {
    const client = routedToA();
    expect(client.aim(snapshot(2, listener('x'), route('80', ['a'])))).to.deep.equal([]);
    expect(client.wait(9_999)).to.deep.equal([]);
    expect(client.wait(1)).to.deep.equal(['cds -a']);
  });

  it('does not take it away when it comes back in time', () => {
    const client = routedToA();
    client.aim(snapshot(2, listener('x'), route('80', ['a'])));
    client.wait(9_000);
    client.aim(snapshot(3, cluster('a'), listener('x'), route('80', ['a'])));
    expect(client.wait(9_000)).to.deep.equal([]);
    expect(client.aim(snapshot(4, listener('x'), route('80', ['a'])))).to.deep.equal([]);
    expect(client.wait(9_000)).to.deep.equal([]);
  });

  it('does not hold routes back from a client that asks for clusters by name', () => {
    const client = new TestClient('sotw');
    client.aim(snapshot(1, listener('x'), route('80', ['a']), cluster('a')));
    client.subscribe('lds', ['x']);
    client.ack('lds', ['x']);
    expect(client.subscribe('rds', ['80'])).to.deep.equal(['rds 80@a']);
    client.ack('rds', ['80']);
    expect(client.subscribe('cds', ['a'])).to.deep.equal(['cds a@1']);
  });
});
