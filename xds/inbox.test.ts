import { expect } from 'chai';
import { createInbox } from './inbox.ts';

/** An inbox whose time and event loop the test owns; each reaction takes four milliseconds of ten. */
function opened() {
  const deferred: (() => void)[] = [];
  const log: string[] = [];
  let now = 0;
  const inbox = createInbox({ monotonic: () => now, defer: (run) => deferred.push(run) });
  const react =
    (name: string, more: () => void = () => undefined) =>
    () => {
      now += 4;
      log.push(name);
      more();
    };
  const nextTurn = () => {
    for (const run of deferred.splice(0)) run();
  };
  return { inbox, log, react, nextTurn };
}

describe('inbox', () => {
  it('deals with what comes at once, until the slice is used up', () => {
    const { inbox, log, react } = opened();
    for (const name of ['a', 'b', 'c', 'd']) inbox.take(react(name), undefined);
    expect(log).to.deep.equal(['a', 'b', 'c']);
  });

  it('goes on in the next turns, in order, whatever comes meanwhile', () => {
    const { inbox, log, react, nextTurn } = opened();
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) inbox.take(react(name), undefined);
    nextTurn();
    inbox.take(react('h'), undefined);
    expect(log).to.deep.equal(['a', 'b', 'c', 'd', 'e', 'f']);
    nextTurn();
    expect(log.slice(6)).to.deep.equal(['g', 'h']);
    nextTurn();
    inbox.take(react('i'), undefined);
    expect(log.at(-1)).to.equal('i');
  });

  it('takes the same reaction as often as it comes, and what a reaction brings', () => {
    const { inbox, log, react, nextTurn } = opened();
    const twice = react('a', () => log.length < 5 && inbox.take(react('b'), undefined));
    for (let round = 0; round < 4; round += 1) inbox.take(twice, undefined);
    for (let turn = 0; turn < 6; turn += 1) nextTurn();
    expect(log.filter((name) => name === 'a')).to.have.length(4);
    expect(log.filter((name) => name === 'b').length).to.be.greaterThan(1);
  });

  it('goes on behind a reaction that throws', () => {
    const { inbox, log, react, nextTurn } = opened();
    for (const name of ['a', 'b', 'c']) inbox.take(react(name), undefined);
    inbox.take(() => {
      throw new Error('a bug');
    }, undefined);
    inbox.take(react('d'), undefined);
    expect(nextTurn).to.throw('a bug');
    nextTurn();
    expect(log.at(-1)).to.equal('d');
  });
});
