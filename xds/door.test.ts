import { expect } from 'chai';
import { FakeClock } from '#runtime/core/testing.ts';
import { type ClosingReason, DEFAULT_DOOR_LIMITS, Door, type DoorLimits } from './door.ts';

/** Connections are named by their address and a number: `a1`. */
class Entrance {
  readonly clock = new FakeClock();
  readonly inside: string[] = [];
  readonly closed: string[] = [];
  readonly #connections = new Map<string, { readonly name: string }>();
  readonly #deferred: (() => void)[] = [];
  readonly door: Door<{ readonly name: string }>;

  constructor(limits: Partial<DoorLimits>) {
    this.door = new Door({
      limits: { ...DEFAULT_DOOR_LIMITS, ...limits },
      clock: this.clock,
      defer: (run) => this.#deferred.push(run),
      letIn: ({ name }) => this.inside.push(name),
      close: ({ name }, reason: ClosingReason) => this.closed.push(`${name} ${reason}`),
    });
  }

  arrive(...names: readonly string[]): void {
    for (const name of names) {
      const connection = { name };
      this.#connections.set(name, connection);
      this.door.arrive(connection, name.charAt(0));
    }
  }

  serve(name: string): () => void {
    return this.door.serve(this.#find(name));
  }

  leave(name: string): void {
    this.door.leave(this.#find(name));
  }

  /** The next turn of the event loop. Says who was let in. */
  turn(): readonly string[] {
    const before = this.inside.length;
    for (const run of this.#deferred.splice(0)) run();
    return this.inside.slice(before);
  }

  #find(name: string): { readonly name: string } {
    const connection = this.#connections.get(name);
    if (connection === undefined) throw new Error(`nobody is called ${name}`);
    return connection;
  }
}

describe('the door of a port', () => {
  it('waits for nothing once it has stopped, whatever ends then', () => {
    const entrance = new Entrance({});
    entrance.arrive('a1', 'a2');
    const end = entrance.serve('a1');
    entrance.door.stop();
    expect(entrance.clock.sleeping).to.equal(0);
    end();
    entrance.arrive('a3');
    expect(entrance.clock.sleeping).to.equal(0);
    expect(entrance.closed).to.deep.equal([]);
    expect(entrance.turn()).to.deep.equal([]);
  });

  it('lets in so many in a turn of the event loop, and asks for no turn when nobody waits', () => {
    const entrance = new Entrance({ perTurn: 2 });
    entrance.arrive('a1', 'b1', 'c1', 'd1', 'e1');
    expect(entrance.inside).to.deep.equal(['a1', 'b1']);
    expect(entrance.turn()).to.deep.equal(['c1', 'd1']);
    expect(entrance.turn()).to.deep.equal(['e1']);
    entrance.arrive('f1');
    expect(entrance.inside.at(-1)).to.equal('f1');
    expect(entrance.turn()).to.deep.equal([]);
    expect(entrance.turn()).to.deep.equal([]);
  });

  it('lets in so many at once and then so many a second', async () => {
    const entrance = new Entrance({ perTurn: 10, rate: { perSecond: 2, burst: 3 } });
    entrance.arrive('a1', 'b1', 'c1', 'd1', 'e1');
    expect(entrance.inside).to.deep.equal(['a1', 'b1', 'c1']);
    await entrance.clock.advance(499);
    expect(entrance.inside).to.have.length(3);
    await entrance.clock.advance(1);
    expect(entrance.inside.at(-1)).to.equal('d1');
    await entrance.clock.advance(500);
    expect(entrance.inside.at(-1)).to.equal('e1');
    for (const name of ['a1', 'b1', 'c1', 'd1', 'e1']) entrance.leave(name);
    await entrance.clock.advance(3600_000);
    expect(entrance.turn()).to.deep.equal([]);
    entrance.arrive('a2', 'b2', 'c2', 'd2');
    expect(entrance.inside.slice(5)).to.deep.equal(['a2', 'b2', 'c2']);
  });

  it('lets addresses take turns, and of one address the newest go first', () => {
    const entrance = new Entrance({ perTurn: 1 });
    entrance.arrive('a0', 'a1', 'a2', 'a3', 'b1', 'c1');
    const order = [entrance.turn(), entrance.turn(), entrance.turn(), entrance.turn(), entrance.turn()].flat();
    expect(order).to.deep.equal(['a3', 'b1', 'c1', 'a2', 'a1']);
  });

  it('has so many inside of one address, and in all, on which nobody is served; who is served makes room', () => {
    const entrance = new Entrance({ perTurn: 10, mostIdle: 3, mostIdleOfAddress: 2 });
    entrance.arrive('a1', 'a2', 'a3', 'b1', 'c1');
    expect(entrance.inside).to.deep.equal(['a1', 'a2', 'b1']);
    const [first, second] = [entrance.serve('a1'), entrance.serve('a1')];
    expect(entrance.inside).to.deep.equal(['a1', 'a2', 'b1', 'a3']);
    entrance.leave('b1');
    expect(entrance.inside.at(-1)).to.equal('c1');
    // Inside, and of no use any more: there are enough of those.
    first();
    first();
    expect(entrance.closed).to.deep.equal([]);
    second();
    expect(entrance.closed).to.deep.equal(['a1 crowded']);
  });

  it('closes who has waited for longest when too many wait, of one address and in all', () => {
    const entrance = new Entrance({ mostIdle: 0, mostWaiting: 4, mostWaitingOfAddress: 2 });
    entrance.arrive('a1', 'a2', 'a3', 'b1', 'b2');
    expect(entrance.closed).to.deep.equal(['a1 waited']);
    entrance.arrive('c1');
    expect(entrance.closed).to.deep.equal(['a1 waited', 'a2 waited']);
    entrance.leave('b1');
    entrance.arrive('c2');
    expect(entrance.closed).to.have.length(2);
  });

  it('closes in time who waits and who is inside without being served, and nobody else', async () => {
    const entrance = new Entrance({ perTurn: 10, mostIdle: 3, idleMs: 15_000, waitMs: 10_000 });
    entrance.arrive('a1', 'b1', 'c1');
    const left = entrance.serve('a1');
    entrance.serve('b1');
    entrance.arrive('d1', 'e1', 'f1');
    await entrance.clock.advance(9_999);
    expect(entrance.closed).to.deep.equal([]);
    await entrance.clock.advance(1);
    expect(entrance.closed).to.deep.equal(['f1 waited']);
    entrance.leave('d1');
    left();
    await entrance.clock.advance(5_000);
    expect(entrance.closed).to.deep.equal(['f1 waited', 'c1 idle', 'e1 idle']);
    await entrance.clock.advance(9_999);
    expect(entrance.closed).to.have.length(3);
    await entrance.clock.advance(1);
    expect(entrance.closed.at(-1)).to.equal('a1 idle');
    await entrance.clock.advance(3600_000);
    expect(entrance.closed).to.have.length(4);
    expect(entrance.clock.sleeping).to.equal(0);
  });
});
