/**
 * Who comes in, and when. A handshake takes the processor as long as telling a dozen proxies of a change, so only a few begin in
 * each turn of the event loop and, after so many at once, in a second: there is time left for what proxies have to be told. A
 * connection on which nobody is served costs memory and proves nothing, so there are only so many, and not for long.
 */
import { type Clock, Quota, type RateLimit } from '#runtime/index.ts';
import { Alarm } from './alarm.ts';

export interface DoorLimits {
  /** Most connections that are let in during one turn of the event loop. */
  readonly perTurn: number;
  /** How many are let in a second; undefined: as many as come. */
  readonly rate?: RateLimit;
  /** Most connections inside on which no call is served, in all and of one address. */
  readonly mostIdle: number;
  readonly mostIdleOfAddress: number;
  /** How long one may be inside like that, its handshake included, in milliseconds. */
  readonly idleMs: number;
  /** Most connections that wait outside, in all and of one address. */
  readonly mostWaiting: number;
  readonly mostWaitingOfAddress: number;
  /** How long one may wait there, in milliseconds. */
  readonly waitMs: number;
}

/** Inside, one over TLS takes 70 kB; outside, 6 kB. */
export const DEFAULT_DOOR_LIMITS: DoorLimits = {
  perTurn: 2,
  mostIdle: 1_000,
  mostIdleOfAddress: 250,
  idleMs: 15_000,
  mostWaiting: 4_000,
  mostWaitingOfAddress: 2_500,
  waitMs: 10_000,
};

/** `idle`: no call was served in time; `crowded`: too many are idle already; `waited`: its turn did not come. */
export type ClosingReason = 'idle' | 'crowded' | 'waited';

export interface DoorOptions<Connection> {
  readonly limits: DoorLimits;
  readonly clock: Clock;
  /** Runs a function in a later turn of the event loop. */
  readonly defer: (run: () => void) => void;
  /** Begins to speak with a connection. */
  readonly letIn: (connection: Connection) => void;
  readonly close: (connection: Connection, reason: ClosingReason) => void;
}

/** A connection, for as long as there is one. */
interface Visitor<Connection> {
  readonly connection: Connection;
  readonly address: string;
  /** On the monotonic clock: when it came, was let in, or was left by the last call. */
  since: number;
  /** Calls on it that are served. */
  calls: number;
  /** Gives back its place among the idle ones of its address. */
  leaveAddress: (() => void) | undefined;
}

export class Door<Connection extends object> {
  readonly #options: DoorOptions<Connection>;
  readonly #visitors = new Map<Connection, Visitor<Connection>>();
  /** Both in the order in which they came there. */
  readonly #waiting = new Set<Visitor<Connection>>();
  readonly #idle = new Set<Visitor<Connection>>();
  /** Those that wait, for each address, the newest last; the address whose turn is next is the first. */
  readonly #lines = new Map<string, Visitor<Connection>[]>();
  readonly #idleOf: Quota;
  readonly #alarm: Alarm;
  /** Let in during this turn of the event loop. */
  #letIn = 0;
  /** So many the rate has room for, at `#filledAt` on the monotonic clock. */
  #room: number;
  #filledAt: number;
  #stopped = false;

  constructor(options: DoorOptions<Connection>) {
    this.#options = options;
    this.#room = options.limits.rate?.burst ?? 0;
    this.#filledAt = options.clock.monotonic();
    this.#idleOf = new Quota(options.limits.mostIdleOfAddress);
    this.#alarm = new Alarm(options.clock, () => this.#due());
  }

  /** A connection has been accepted; it is let in now or later, or closed. */
  arrive(connection: Connection, address: string): void {
    const { clock, limits } = this.#options;
    const visitor = { connection, address, since: clock.monotonic(), calls: 0, leaveAddress: undefined };
    this.#visitors.set(connection, visitor);
    this.#waiting.add(visitor);
    const line = this.#lines.get(address);
    if (line === undefined) this.#lines.set(address, [visitor]);
    else line.push(visitor);
    this.#open();
    if (this.#stopped || !this.#waiting.has(visitor)) return;
    const [longest] = this.#waiting;
    const longestOfAddress = this.#lines.get(address)?.[0];
    if (longestOfAddress !== undefined && (line?.length ?? 1) > limits.mostWaitingOfAddress)
      this.#close(longestOfAddress, 'waited');
    else if (longest !== undefined && this.#waiting.size > limits.mostWaiting) this.#close(longest, 'waited');
    this.#alarm.set(visitor.since + limits.waitMs);
  }

  /** A connection is no more. */
  leave(connection: Connection): void {
    const visitor = this.#visitors.get(connection);
    if (visitor === undefined) return;
    this.#visitors.delete(connection);
    if (this.#waiting.has(visitor)) this.#leaveLine(visitor);
    else this.#endIdle(visitor);
  }

  /** A call on the connection is served until the result is called. */
  serve(connection: Connection): () => void {
    const visitor = this.#visitors.get(connection);
    if (visitor === undefined) return () => undefined;
    visitor.calls += 1;
    this.#endIdle(visitor);
    let over = false;
    return () => {
      if (over) return;
      over = true;
      visitor.calls -= 1;
      if (this.#stopped) return;
      if (visitor.calls === 0 && this.#visitors.has(connection) && !this.#beginIdle(visitor))
        this.#close(visitor, 'crowded');
    };
  }

  /** Lets in and closes nothing any more. What ends from now on sets no alarm, which would hold all of it for as long. */
  stop(): void {
    this.#stopped = true;
    this.#alarm.cancel();
  }

  #open(): void {
    const { limits, defer, letIn } = this.#options;
    while (!this.#stopped && this.#letIn < limits.perTurn) {
      const visitor = this.#next();
      if (visitor === undefined) return;
      if (this.#letIn === 0) {
        defer(() => {
          this.#letIn = 0;
          this.#open();
        });
      }
      this.#letIn += 1;
      letIn(visitor.connection);
    }
  }

  /**
   * Addresses take turns, so that none keeps the others outside. Of one address the newest goes first: when more come than
   * can be served, who has waited for long is no longer waited for.
   */
  #next(): Visitor<Connection> | undefined {
    if (this.#waiting.size === 0 || this.#idle.size >= this.#options.limits.mostIdle || !this.#hasRoom())
      return undefined;
    for (const [address, line] of this.#lines) {
      const visitor = line.at(-1);
      if (visitor === undefined || !this.#beginIdle(visitor)) continue;
      this.#leaveLine(visitor);
      this.#room -= 1;
      if (line.length > 0) {
        this.#lines.delete(address);
        this.#lines.set(address, line);
      }
      return visitor;
    }
    return undefined;
  }

  /** Whether the rate lets one in. If not, the alarm is set to when it does. */
  #hasRoom(): boolean {
    const { limits, clock } = this.#options;
    const { rate } = limits;
    if (rate === undefined) return true;
    const now = clock.monotonic();
    this.#room = Math.min(rate.burst, this.#room + ((now - this.#filledAt) * rate.perSecond) / 1_000);
    this.#filledAt = now;
    if (this.#room >= 1) return true;
    this.#alarm.set(now + Math.ceil(((1 - this.#room) * 1_000) / rate.perSecond));
    return false;
  }

  #leaveLine(visitor: Visitor<Connection>): void {
    this.#waiting.delete(visitor);
    const line = this.#lines.get(visitor.address) ?? [];
    line.splice(line[0] === visitor ? 0 : line.lastIndexOf(visitor), 1);
    if (line.length === 0) this.#lines.delete(visitor.address);
  }

  #beginIdle(visitor: Visitor<Connection>): boolean {
    const { limits, clock } = this.#options;
    if (this.#idle.size >= limits.mostIdle) return false;
    visitor.leaveAddress = this.#idleOf.take(visitor.address);
    if (visitor.leaveAddress === undefined) return false;
    visitor.since = clock.monotonic();
    this.#idle.add(visitor);
    this.#alarm.set(visitor.since + limits.idleMs);
    return true;
  }

  /** There is a place for another. */
  #endIdle(visitor: Visitor<Connection>): void {
    if (!this.#idle.delete(visitor)) return;
    visitor.leaveAddress?.();
    visitor.leaveAddress = undefined;
    if (this.#waiting.size > 0) this.#open();
  }

  #close(visitor: Visitor<Connection>, reason: ClosingReason): void {
    this.leave(visitor.connection);
    this.#options.close(visitor.connection, reason);
  }

  #due(): void {
    const { limits, clock } = this.#options;
    const now = clock.monotonic();
    const overdue = (visitors: Iterable<Visitor<Connection>>, most: number, reason: ClosingReason): void => {
      for (const visitor of visitors) {
        if (visitor.since + most > now) {
          this.#alarm.set(visitor.since + most);
          return;
        }
        this.#close(visitor, reason);
      }
    };
    overdue(this.#waiting, limits.waitMs, 'waited');
    overdue(this.#idle, limits.idleMs, 'idle');
    this.#open();
  }
}
