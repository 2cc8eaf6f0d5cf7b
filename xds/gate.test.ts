import { expect } from 'chai';
import { TestClient } from './testing/client.ts';
import { cluster, endpoints, listener, route, snapshot } from './testing/resources.ts';

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
    expect(client.wait(4999)).to.deep.equal([]);
    expect(client.session.deadline(client.now)).to.equal(5000);
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
    expect(client.session.deadline(client.now)).to.equal(1000);
    expect(client.wait(1000)).to.deep.equal(['cds warm@1']);
  });

  it('sends them at once when an answer to something later tells that the client has read the first', () => {
    const client = routedToA();
    client.aim(snapshot(2, cluster('a'), cluster('cold'), listener('x', [], 'changed'), route('80', ['a'])));
    client.ack('lds');
    const next = [cluster('a'), cluster('cold'), cluster('warm'), listener('x', [], 'changed'), route('80', ['warm'])];
    expect(client.aim(snapshot(3, ...next))).to.deep.equal(['cds warm@1']);
  });

  it('counts a cluster as held when its endpoints are acknowledged, though another keeps the response waiting', () => {
    const held = [cluster('a'), endpoints('a'), listener('x'), route('80', ['a'])];
    const client = new TestClient().start(snapshot(1, ...held), { eds: ['a'], rds: ['80'] });
    const next = [cluster('a'), cluster('b'), cluster('cold'), endpoints('a'), endpoints('b'), listener('x')];
    expect(client.aim(snapshot(2, ...next, route('80', ['b'])))).to.deep.equal(['cds b@1 cold@1']);
    expect(client.subscribe('eds', ['b'])).to.deep.equal(['eds b@1']);
    expect(client.session.waitingFor()).to.deep.equal(['b']);
    expect(client.ack('eds')).to.deep.equal(['rds 80@b']);
    expect(client.session.waitingFor()).to.deep.equal([]);
    expect(client.ack('rds')).to.deep.equal([]);
    expect(client.ack('cds')).to.deep.equal([]);
    expect(client.session.settled()).to.equal(true);
  });

  it('takes back a cluster that does not warm, and one that it changed to, without waiting for the answer', () => {
    const client = routedToA();
    client.aim(snapshot(2, cluster('a', 'stuck'), cluster('cold'), listener('x'), route('80', ['a'])));
    client.wait(1000);
    expect(client.aim(snapshot(3, cluster('a'), listener('x'), route('80', ['a'])))).to.deep.equal(['cds a@1 -cold']);
    expect(client.wait(5000)).to.deep.equal([]);
    client.answer('cds', '4');
    client.ack('cds');
    expect(client.session.settled()).to.equal(true);
    expect(client.pump()).to.deep.equal([]);
  });

  it('does not take endpoints that were acknowledged before for those of a cluster that came since', () => {
    const held = [cluster('a'), endpoints('a'), listener('x'), route('80', ['a'])];
    const client = new TestClient().start(snapshot(1, ...held), { eds: ['a', 'b'], rds: ['80'] });
    const next = [cluster('a'), endpoints('a', '2'), endpoints('b'), listener('x')];
    expect(client.aim(snapshot(2, ...next, route('80', ['a'])))).to.deep.equal(['eds a@2 b@1']);
    expect(client.aim(snapshot(3, ...next, cluster('b'), route('80', ['b'])))).to.deep.equal(['cds b@1']);
    expect(client.ack('eds')).to.deep.equal(['eds b@1']);
    expect(client.ack('eds')).to.deep.equal(['rds 80@b']);
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

  it('starts the wait anew for what comes after a route that went, or that was taken back', () => {
    for (const between of [route('80', ['cold']), route('80', ['a'])]) {
      const client = routedToA();
      const rest = [cluster('a'), cluster('cold'), listener('x')];
      client.aim(snapshot(2, ...rest, route('80', ['cold'])));
      client.wait(4000);
      client.aim(snapshot(3, ...rest, between));
      client.wait(1000);
      client.ack('rds');
      expect(client.session.waitingFor()).to.deep.equal(between.version === 'cold' ? ['cold'] : []);
      client.aim(snapshot(4, ...rest, cluster('next'), route('80', ['next'])));
      expect(client.wait(4999).filter((sent) => sent.startsWith('rds'))).to.deep.equal([]);
      expect(client.wait(1)).to.deep.equal(['rds 80@next']);
    }
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

  it('removes a listener only when one that may take its place has its routes, and not later than in five seconds', () => {
    const start = () => new TestClient().start(snapshot(1, cluster('a'), listener('tcp', ['a'])));
    const http = { ...listener('http'), routeNames: ['80'] };
    const next = snapshot(2, cluster('a'), http, route('80', ['a']));
    const client = start();
    expect(client.aim(next)).to.deep.equal(['lds http@v']);
    expect(client.ack('lds')).to.deep.equal([]);
    expect(client.subscribe('rds', ['80'])).to.deep.equal(['rds 80@a']);
    expect(client.ack('rds')).to.deep.equal(['lds -tcp']);
    client.ack('lds');
    expect(client.session.settled()).to.equal(true);
    const silent = start();
    silent.aim(next);
    silent.ack('lds');
    expect(silent.wait(4999)).to.deep.equal([]);
    expect(silent.session.deadline(silent.now)).to.equal(5000);
    expect(silent.wait(1)).to.deep.equal(['lds -tcp']);
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
