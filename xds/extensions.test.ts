import { expect } from 'chai';
import { TestClient } from './testing/client.ts';
import { cluster, extension, listener, snapshot } from './testing/resources.ts';

describe('session, extensions', () => {
  it('are sent to who names them, when they change, and behind the clusters that they need', () => {
    const client = new TestClient().start(snapshot(1, extension('a'), extension('b')));
    expect(client.subscribe('ecds', ['a'])).to.deep.equal(['ecds a@1']);
    client.ack('ecds');
    expect(client.aim(snapshot(2, cluster('auth'), extension('a', '2', ['auth']), extension('b', '2')))).to.deep.equal([
      'cds auth@1',
    ]);
    expect(client.session.settled()).to.equal(false);
    expect(client.ack('cds')).to.deep.equal(['ecds a@2']);
    client.ack('ecds');
    expect(client.session.settled()).to.equal(true);
  });

  it('that are gone stay with the client as long as its listener may name them, and come anew when asked for again', () => {
    const client = new TestClient().start(snapshot(1, extension('a'), listener('x', [], '1')));
    client.subscribe('ecds', ['a']);
    client.ack('ecds');
    // A removal would come first, and take the filter from the present listener.
    expect(client.aim(snapshot(2, listener('x', [], '2')))).to.deep.equal(['lds x@2']);
    client.ack('lds');
    expect(client.session.settled()).to.equal(true);
    expect(client.unsubscribe('ecds', ['a'])).to.deep.equal([]);
    expect(client.aim(snapshot(3, extension('a'), listener('x', [], '3')))).to.deep.equal(['lds x@3']);
    client.ack('lds');
    expect(client.subscribe('ecds', ['a'])).to.deep.equal(['ecds a@1']);
  });

  it('that are refused stay as they were acknowledged', () => {
    const client = new TestClient().start(snapshot(1, extension('a')));
    client.subscribe('ecds', ['a']);
    client.ack('ecds');
    client.aim(snapshot(2, extension('a', '2')));
    expect(client.nack('ecds', 'no such filter')).to.deep.equal([]);
    expect(client.session.rejections()).to.have.length(1);
    expect(client.aim(snapshot(3, extension('a', '3')))).to.deep.equal(['ecds a@3']);
  });
});
