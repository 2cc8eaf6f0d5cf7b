import { expect } from 'chai';
import { changeBytes } from './change.ts';
import { TestClient } from './testing/client.ts';
import { cluster, endpoints, listener, route, snapshot } from './testing/resources.ts';
import { LISTENER, SECRET } from './types.ts';

describe('session, delta', () => {
  describe('subscriptions', () => {
    it('serve everything to a first request without names, and exactly what is named otherwise', () => {
      const client = new TestClient();
      client.aim(snapshot(1, cluster('a'), cluster('b'), endpoints('a'), endpoints('b')));
      expect(client.subscribe('cds')).to.deep.equal(['cds a@1 b@1']);
      expect(client.subscribe('eds', ['b'])).to.deep.equal(['eds b@1']);
    });

    it('are answered once the first snapshot is there', () => {
      const client = new TestClient();
      expect(client.subscribe('cds')).to.deep.equal([]);
      expect(client.aim(snapshot(1, cluster('a')))).to.deep.equal(['cds a@1']);
    });

    it('of everything are answered even if there is nothing', () => {
      const client = new TestClient();
      client.aim(snapshot(1));
      expect(client.subscribe('cds')).to.deep.equal(['cds']);
      expect(client.ack('cds')).to.deep.equal([]);
    });

    it('to a name that does not exist are answered with its absence, and served when it appears', () => {
      const client = new TestClient();
      client.aim(snapshot(1));
      expect(client.subscribe('rds', ['80'])).to.deep.equal(['rds -80']);
      client.ack('rds');
      expect(client.aim(snapshot(2, route('80', [])))).to.deep.equal(['rds 80@']);
    });

    it('to extensions are by name, and all that is asked for is absent while nothing makes any', () => {
      const client = new TestClient().start(snapshot(1));
      expect(client.subscribe('ecds', ['a', 'b'])).to.deep.equal(['ecds -a -b']);
      client.ack('ecds');
      expect(client.session.settled()).to.equal(true);
    });

    it('to clusters and listeners may be by name as well, and beside everything', () => {
      const client = new TestClient();
      const all = snapshot(1, cluster('a'), cluster('b'), listener('x'), listener('y'));
      client.aim(all);
      expect(client.subscribe('cds', ['a', 'unknown'])).to.deep.equal(['cds a@1 -unknown']);
      expect(client.ack('cds')).to.deep.equal([]);
      expect(client.subscribe('lds', ['y'])).to.deep.equal(['lds y@v']);
      client.ack('lds');
      expect(client.session.settled()).to.equal(true);
      expect(client.aim(snapshot(2, cluster('a', '2'), cluster('b', '2'), cluster('unknown')))).to.deep.equal([
        'cds a@2 unknown@1',
        'lds -y',
      ]);
      client.ack('cds');
      client.ack('lds');
      // As Envoy asks for clusters on demand: what it had asked for without names it names by a star from then on.
      expect(client.subscribe('cds', ['*', 'b'])).to.deep.equal(['cds b@2']);
      client.ack('cds');
      expect(client.unsubscribe('cds', ['a'])).to.deep.equal(['cds a@2']);
    });

    it('to a name that is held already send it again', () => {
      const client = new TestClient().start(snapshot(1, endpoints('a')), { eds: ['a'] });
      expect(client.subscribe('eds', ['a'])).to.deep.equal(['eds a@1']);
    });

    it('that ended get nothing more, and start afresh when renewed', () => {
      const client = new TestClient().start(snapshot(1, endpoints('a')), { eds: ['a'] });
      expect(client.unsubscribe('eds', ['a'])).to.deep.equal([]);
      expect(client.aim(snapshot(2, endpoints('a', '2')))).to.deep.equal([]);
      expect(client.subscribe('eds', ['a'])).to.deep.equal(['eds a@2']);
    });

    it('that were given up and taken up again since are not held by the answer to what was sent before', () => {
      const client = new TestClient();
      client.aim(snapshot(1, endpoints('a')));
      expect(client.subscribe('eds', ['a'])).to.deep.equal(['eds a@1']);
      client.unsubscribe('eds', ['a']);
      expect(client.subscribe('eds', ['a'])).to.deep.equal([]);
      expect(client.ack('eds')).to.deep.equal(['eds a@1']);
      const left = () => client.session.outstanding().flat();
      expect(left().map(({ held, wanted }) => [held, wanted?.name])).to.deep.equal([[undefined, 'a']]);
      client.ack('eds');
      expect(left()).to.deep.equal([]);
    });

    it('that come while a response is in flight are not forgotten', () => {
      const client = new TestClient();
      client.aim(snapshot(1, endpoints('a'), endpoints('b')));
      client.subscribe('eds', ['a']);
      expect(client.subscribe('eds', ['a', 'b'])).to.deep.equal([]);
      expect(client.ack('eds')).to.deep.equal(['eds a@1 b@1']);
    });
  });

  describe('flow', () => {
    it('sends only what changed, at once when idle', () => {
      const client = new TestClient().start(snapshot(1, cluster('a'), cluster('b')));
      expect(client.aim(snapshot(2, cluster('a', '2'), cluster('b')))).to.deep.equal(['cds a@2']);
    });

    it('coalesces while a response is unacknowledged, then goes straight to the newest snapshot', () => {
      const client = new TestClient().start(snapshot(1, listener('x', [], '1')));
      expect(client.aim(snapshot(2, listener('x', [], '2')))).to.deep.equal(['lds x@2']);
      expect(client.aim(snapshot(3, listener('x', [], '3')))).to.deep.equal([]);
      expect(client.aim(snapshot(4, listener('x', [], '4')))).to.deep.equal([]);
      expect(client.ack('lds')).to.deep.equal(['lds x@4']);
    });

    it('sends nothing when a change is taken back before it was sent', () => {
      const client = new TestClient().start(snapshot(1, listener('x', [], '1'), listener('y', [], '1')));
      client.aim(snapshot(2, listener('x', [], '2'), listener('y', [], '1')));
      client.aim(snapshot(3, listener('x', [], '2'), listener('y', [], '3')));
      client.aim(snapshot(4, listener('x', [], '2'), listener('y', [], '1')));
      expect(client.ack('lds')).to.deep.equal([]);
    });

    it('cuts what is large into several responses, one after the other', () => {
      const client = new TestClient('delta', { chunkBytes: 2.5 * changeBytes({ name: 'a', resource: cluster('a') }) });
      client.aim(snapshot(1, cluster('a'), cluster('b'), cluster('c'), cluster('d'), cluster('e')));
      expect(client.subscribe('cds')).to.deep.equal(['cds a@1 b@1']);
      expect(client.ack('cds')).to.deep.equal(['cds c@1 d@1']);
      expect(client.ack('cds')).to.deep.equal(['cds e@1']);
      expect(client.ack('cds')).to.deep.equal([]);
    });

    it('cuts what is gone into several responses too, as names are bytes as well', () => {
      const names = ['a', 'b', 'c'].map((letter) => letter.repeat(1_000));
      const client = new TestClient('delta', { chunkBytes: 5_000 });
      client.aim(snapshot(1));
      expect(client.subscribe('eds', names)).to.deep.equal([`eds -${names[0]} -${names[1]}`]);
      expect(client.ack('eds')).to.deep.equal([`eds -${names[2]}`]);
      expect(client.ack('eds')).to.deep.equal([]);
    });

    it('holds back what may not go now and all that comes behind it, be it suspected or not', () => {
      const client = new TestClient();
      const hold = (held: boolean) => {
        client.held = held;
      };
      hold(true);
      client.aim(snapshot(1, cluster('a'), listener('x'), listener('y')));
      expect([...client.subscribe('cds'), ...client.subscribe('lds')]).to.deep.equal([]);
      expect(client.session.heldBack).to.equal(true);
      hold(false);
      expect(client.pump()).to.deep.equal(['cds a@1', 'lds x@v y@v']);
      expect(client.session.heldBack).to.equal(false);
      hold(true);
      expect(client.nack('lds')).to.deep.equal([]);
      expect(client.pump()).to.deep.equal([]);
      expect(client.session.heldBack).to.equal(true);
      hold(false);
      expect(client.pump()).to.deep.equal(['lds x@v']);
      hold(true);
      expect(client.ack('lds')).to.deep.equal([]);
      hold(false);
      expect(client.pump()).to.deep.equal(['lds y@v']);
    });

    it('drops answers with a nonce that is not waited for', () => {
      const client = new TestClient().start(snapshot(1, cluster('a')));
      client.aim(snapshot(2, cluster('a', '2')));
      expect(client.answer('cds', 'made-up')).to.equal('stale');
      expect(client.session.settled()).to.equal(false);
      client.ack('cds');
      expect(client.session.settled()).to.equal(true);
    });

    it('sends what refers after what is referred to', () => {
      const client = new TestClient().start(snapshot(1, cluster('a'), listener('x'), route('80', ['a'])), {
        rds: ['80'],
      });
      const next = snapshot(2, cluster('a', '2'), listener('x', [], '2'), route('80', ['a'], '2'));
      expect(client.aim(next)).to.deep.equal(['cds a@2', 'lds x@2', 'rds 80@2']);
    });
  });

  describe('reconnect', () => {
    it('sends the differences to what the client brought along, and lists what is gone', () => {
      const client = new TestClient();
      client.aim(snapshot(5, listener('x', [], '1'), listener('y', [], '2'), listener('z', [], '1')));
      expect(client.subscribe('lds', [], { x: '1', y: '1', old: '1' })).to.deep.equal(['lds y@2 z@1 -old']);
    });

    it('does the same when the snapshot comes later than the request', () => {
      const client = new TestClient();
      client.subscribe('lds', [], { x: '1', y: '1' });
      expect(client.aim(snapshot(5, listener('x', [], '1'), listener('y', [], '2')))).to.deep.equal(['lds y@2']);
    });

    it('sends endpoints again although the client has them, because a cluster may wait for them', () => {
      const client = new TestClient();
      client.aim(snapshot(5, cluster('a'), endpoints('a')));
      expect(client.subscribe('cds', [], { a: '1' })).to.deep.equal(['cds']);
      expect(client.subscribe('eds', ['a'], { a: '1' })).to.deep.equal(['eds a@1']);
    });

    it('sends routes that have changed since, and nothing of those that are gone until they are there again', () => {
      const client = new TestClient();
      client.aim(snapshot(5, route('80', [], '2'), route('90', [], '1')));
      const brought = { 80: '1', 90: '1', gone: '1', unasked: '1' };
      expect(client.subscribe('rds', ['80', '90', 'gone'], brought)).to.deep.equal(['rds 80@2']);
      client.ack('rds');
      expect(client.aim(snapshot(6, route('80', [], '2'), route('90', [], '1'), route('gone', [], '2')))).to.deep.equal(
        ['rds gone@2'],
      );
    });

    it('removes no cluster before it can know what the routes of the client name', () => {
      const client = new TestClient();
      client.aim(snapshot(5, cluster('a'), route('80', ['a'], '2')));
      expect(client.subscribe('cds', [], { a: '1', gone: '1' })).to.deep.equal(['cds']);
      client.ack('cds');
      expect(client.subscribe('rds', ['80'], { 80: '1' })).to.deep.equal(['rds 80@2']);
      expect(client.wait(5000)).to.deep.equal([]);
      expect(client.ack('rds')).to.deep.equal(['cds -gone']);
    });
  });

  describe('endpoints', () => {
    it('follow a changed cluster even if unchanged, without waiting for the cluster to be acknowledged', () => {
      const client = new TestClient().start(snapshot(1, cluster('a'), cluster('b'), endpoints('a'), endpoints('b')), {
        eds: ['a', 'b'],
      });
      const next = snapshot(2, cluster('a', '2'), cluster('b'), endpoints('a'), endpoints('b'));
      expect(client.aim(next)).to.deep.equal(['cds a@2', 'eds a@1']);
    });

    it('of a changed cluster are sent again although older ones are still in flight', () => {
      const client = new TestClient().start(snapshot(1, cluster('a'), endpoints('a')), { eds: ['a'] });
      expect(client.aim(snapshot(2, cluster('a'), endpoints('a', '2')))).to.deep.equal(['eds a@2']);
      expect(client.aim(snapshot(3, cluster('a', '3'), endpoints('a', '2')))).to.deep.equal(['cds a@3']);
      expect(client.ack('eds')).to.deep.equal(['eds a@2']);
    });

    it('that are gone are not taken away: they go with their cluster', () => {
      const client = new TestClient().start(snapshot(1, cluster('a'), endpoints('a')), { eds: ['a'] });
      expect(client.aim(snapshot(2, cluster('a')))).to.deep.equal([]);
      expect(client.session.settled()).to.equal(true);
    });
  });

  describe('refusals', () => {
    it('find the culprit by sending ever smaller parts of the response, and leave it alone then', () => {
      const client = new TestClient().start(snapshot(1, listener('a', [], '1')));
      const next = snapshot(2, listener('a', [], '2'), listener('bad', [], '1'), listener('c', [], '1'));
      expect(client.aim(next)).to.deep.equal(['lds a@2 bad@1 c@1']);
      expect(client.nack('lds')).to.deep.equal(['lds a@2 bad@1']);
      expect(client.nack('lds')).to.deep.equal(['lds a@2']);
      expect(client.ack('lds')).to.deep.equal(['lds bad@1']);
      expect(client.nack('lds', 'no such filter')).to.deep.equal(['lds c@1']);
      expect(client.ack('lds')).to.deep.equal([]);
      expect(client.session.settled()).to.equal(true);
      const [rejection] = client.session.rejections();
      expect(rejection).to.include({ message: 'no such filter', revision: 2 });
      expect(rejection?.resources).to.deep.equal(['bad']);
    });

    it('count nothing of the response as held until each resource was acknowledged by itself', () => {
      const client = new TestClient().start(snapshot(1, route('80', [])), { rds: ['80'] });
      client.aim(snapshot(2, cluster('new'), cluster('bad'), route('80', ['new'])));
      expect(client.nack('cds')).to.deep.equal(['cds bad@1']);
      expect(client.nack('cds')).to.deep.equal(['cds new@1']);
      expect(client.ack('cds')).to.deep.equal(['rds 80@new']);
    });

    it('are forgotten when the resource changes or disappears', () => {
      const client = new TestClient().start(snapshot(1));
      client.aim(snapshot(2, listener('bad', [], '1')));
      client.nack('lds');
      expect(client.session.rejections()).to.have.length(1);
      expect(client.aim(snapshot(3, listener('bad', [], '2')))).to.deep.equal(['lds bad@2']);
      client.ack('lds');
      expect(client.session.rejections()).to.deep.equal([]);
    });

    it('do not repeat: the refused version is not sent again, whatever else changes', () => {
      const client = new TestClient().start(snapshot(1));
      client.aim(snapshot(2, listener('bad', [], '1')));
      expect(client.nack('lds')).to.deep.equal([]);
      expect(client.aim(snapshot(3, listener('bad', [], '1'), listener('good', [], '1')))).to.deep.equal([
        'lds good@1',
      ]);
      expect(client.ack('lds')).to.deep.equal([]);
    });

    it('go back to what was held before when the change is taken back', () => {
      const client = new TestClient().start(snapshot(1, listener('a', [], '1'), listener('b', [], '1')));
      client.aim(snapshot(2, listener('a', [], '2'), listener('b', [], '2')));
      client.nack('lds');
      // Which of the two the proxy took is not known, so the old versions are sent again.
      client.aim(snapshot(3, listener('a', [], '1'), listener('b', [], '1')));
      expect(client.ack('lds')).to.deep.equal(['lds a@1 b@1']);
      expect(client.ack('lds')).to.deep.equal([]);
      expect(client.session.settled()).to.equal(true);
    });

    it('remove what may have been taken up although the whole was refused', () => {
      const client = new TestClient().start(snapshot(1));
      client.aim(snapshot(2, listener('a', [], '1'), listener('b', [], '1')));
      client.aim(snapshot(3));
      expect(client.nack('lds')).to.deep.equal(['lds -a -b']);
    });

    it('leave the listener with its rules that was acknowledged, whatever else goes on, until it changes', () => {
      const client = new TestClient().start(
        snapshot(1, cluster('a'), route('80', ['a']), listener('in', [], 'strict'), listener('out', [], '1')),
        { rds: ['80'] },
      );
      const held = () => client.session.state.channel(LISTENER).holdings.held('in');
      const more = [cluster('b'), route('80', ['b']), listener('in', [], 'strict, refused')];
      expect(client.aim(snapshot(2, cluster('a'), ...more, listener('out', [], '1')))).to.deep.equal([
        'cds b@1',
        'lds in@strict, refused',
      ]);
      expect(client.nack('lds')).to.deep.equal([]);
      expect(held()).to.include({ version: 'strict' }).and.not.have.property('doubts');
      expect(client.ack('cds')).to.deep.equal(['rds 80@b']);
      expect(client.ack('rds')).to.deep.equal([]);
      expect(client.aim(snapshot(3, cluster('a'), ...more, listener('out', [], '2')))).to.deep.equal(['lds out@2']);
      expect(client.ack('lds')).to.deep.equal([]);
      expect(client.wait(600_000)).to.deep.equal([]);
      expect(held()).to.include({ version: 'strict' });
      expect(client.session.rejections().map(({ resources }) => resources)).to.deep.equal([['in']]);
      const mended = [cluster('a'), cluster('b'), route('80', ['b']), listener('in', [], 'strict, mended')];
      expect(client.aim(snapshot(4, ...mended, listener('out', [], '2')))).to.deep.equal(['lds in@strict, mended']);
      client.ack('lds');
      expect(held()).to.include({ version: 'strict, mended' });
      expect(client.session.rejections()).to.deep.equal([]);
    });

    it('of one type stop no other type', () => {
      const client = new TestClient().start(snapshot(1));
      client.aim(snapshot(2, listener('bad', [], '1')));
      client.nack('lds');
      expect(client.aim(snapshot(3, listener('bad', [], '1'), cluster('a')))).to.deep.equal(['cds a@1']);
    });
  });

  describe('secrets', () => {
    const secret = (name: string, version: string) => ({
      typeUrl: SECRET,
      name,
      version,
      bytes: Buffer.from(version),
      needs: [],
    });

    it('are sent when they can be read and again when they change', () => {
      const client = new TestClient().start(snapshot(1));
      expect(client.subscribe('sds', ['cert'])).to.deep.equal([]);
      expect([...client.session.secretInterest]).to.deep.equal(['cert']);
      expect(client.aim(snapshot(1), [secret('cert', '1')])).to.deep.equal(['sds cert@1']);
      client.ack('sds');
      expect(client.aim(snapshot(1), [secret('cert', '2')])).to.deep.equal(['sds cert@2']);
    });

    it('that may not be read look like ones that do not exist, and hold nothing else up', () => {
      const client = new TestClient().start(snapshot(1));
      expect(client.subscribe('sds', ['forbidden'])).to.deep.equal([]);
      expect(client.session.settled()).to.equal(true);
    });
  });

  describe('settled', () => {
    it('counts bytes that did not change as acknowledged', () => {
      const listeners = [listener('x')];
      const client = new TestClient().start(snapshot(1, ...listeners));
      expect(client.aim(snapshot(2, ...listeners))).to.deep.equal([]);
      expect(client.session.settled()).to.equal(true);
    });

    it('is not claimed before the proxy has asked for listeners', () => {
      const client = new TestClient();
      client.aim(snapshot(1, cluster('a')));
      client.subscribe('cds');
      client.ack('cds');
      expect(client.session.settled()).to.equal(false);
    });

    it('is not claimed before the routes of its listeners are acknowledged', () => {
      const withRoutes = { ...listener('x'), routeNames: ['80'] };
      const client = new TestClient();
      client.start(snapshot(1, withRoutes, route('80', [])));
      expect(client.session.settled()).to.equal(false);
      client.subscribe('rds', ['80']);
      expect(client.session.settled()).to.equal(false);
      client.ack('rds');
      expect(client.session.settled()).to.equal(true);
    });
  });
});

describe('session, state of the world', () => {
  it('repeats everything of clusters and listeners, and only what changed of endpoints and routes', () => {
    const client = new TestClient('sotw');
    client.aim(snapshot(1, cluster('a'), cluster('b'), endpoints('a'), endpoints('b')));
    expect(client.subscribe('cds')).to.deep.equal(['cds a@1 b@1']);
    expect(client.ack('cds')).to.deep.equal([]);
    expect(client.subscribe('eds', ['a', 'b'])).to.deep.equal(['eds a@1 b@1']);
    client.ack('eds', ['a', 'b']);
    expect(client.aim(snapshot(2, cluster('a', '2'), cluster('b'), endpoints('a'), endpoints('b')))).to.deep.equal([
      'cds a@2 b@1',
      'eds a@1',
    ]);
  });

  it('leaves out what is gone', () => {
    const client = new TestClient('sotw').start(snapshot(1, listener('x'), listener('y')));
    expect(client.aim(snapshot(2, listener('y')))).to.deep.equal(['lds y@v']);
  });

  it('sends names that the interest gained', () => {
    const client = new TestClient('sotw');
    client.aim(snapshot(1, route('80', []), route('90', [])));
    client.subscribe('rds', ['80']);
    expect(client.ack('rds', ['80', '90'])).to.deep.equal(['rds 90@']);
    client.ack('rds', ['80', '90']);
    expect(client.subscribe('rds', ['90'])).to.deep.equal([]);
    expect(client.aim(snapshot(2, route('80', [], '2'), route('90', [])))).to.deep.equal([]);
  });

  it('ignores requests with a nonce of the past altogether', () => {
    const client = new TestClient('sotw');
    client.aim(snapshot(1, listener('x', [], '1')));
    client.subscribe('lds');
    expect(client.answer('lds', '999')).to.equal('stale');
    expect(client.answer('lds', '1')).to.equal('acknowledged');
  });

  it('takes no names from a request with a nonce of the past, and loses none that the next one repeats', () => {
    const client = new TestClient('sotw');
    client.aim(snapshot(1, endpoints('a'), endpoints('b')));
    client.subscribe('eds', ['a']);
    client.ack('eds', ['a']);
    expect(client.aim(snapshot(2, endpoints('a', '2'), endpoints('b')))).to.deep.equal(['eds a@2']);
    expect(client.answer('eds', '1', ['a', 'b'])).to.equal('stale');
    expect(client.answer('eds', '1', [])).to.equal('stale');
    expect(client.pump()).to.deep.equal([]);
    expect(client.ack('eds', ['a', 'b'])).to.deep.equal(['eds b@1']);
    expect(client.ack('eds', ['a', 'b'])).to.deep.equal([]);
  });

  it('keeps a held-back listener in its acknowledged version', () => {
    const client = new TestClient('sotw').start(
      snapshot(1, cluster('a'), listener('x', ['a']), listener('y', [], '1')),
    );
    const next = snapshot(2, cluster('a'), listener('x', ['a', 'missing']), listener('y', [], '2'));
    expect(client.aim(next)).to.deep.equal(['lds x@va y@2']);
  });

  it('repeats the rules that were acknowledged where the next version of their listener is refused', () => {
    const client = new TestClient('sotw').start(snapshot(1, listener('in', [], 'strict'), listener('out', [], '1')));
    const next = (revision: number, out: string) =>
      snapshot(revision, listener('in', [], 'strict, refused'), listener('out', [], out));
    expect(client.aim(next(2, '1'))).to.deep.equal(['lds in@strict, refused out@1']);
    expect(client.nack('lds')).to.deep.equal([]);
    expect(client.aim(next(3, '2'))).to.deep.equal(['lds in@strict out@2']);
    expect(client.ack('lds')).to.deep.equal([]);
    expect(client.wait(600_000)).to.deep.equal([]);
    const mended = snapshot(4, listener('in', [], 'strict, mended'), listener('out', [], '2'));
    expect(client.aim(mended)).to.deep.equal(['lds in@strict, mended out@2']);
  });

  it('isolates the culprit of a refusal among the resources that are held', () => {
    const client = new TestClient('sotw').start(snapshot(1, listener('a', [], '1')));
    client.aim(snapshot(2, listener('a', [], '1'), listener('bad', [], '1'), listener('c', [], '1')));
    expect(client.nack('lds')).to.deep.equal(['lds a@1 bad@1']);
    expect(client.nack('lds')).to.deep.equal(['lds a@1 c@1']);
    expect(client.ack('lds')).to.deep.equal([]);
    expect(client.session.rejections()[0]?.resources).to.deep.equal(['bad']);
  });
});
