/** The simulated proxies: a program of their own (`proxies/`), so that what they cost is not the server's, nor ours. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { LateenError } from '#runtime/core/index.ts';
import { endChild, spawnTied } from '#test/support/child.ts';
import type { WorkloadCertificate } from '#test/support/istiod.ts';

export interface FleetTarget {
  /** `host:port`. */
  readonly address: string;
  readonly proxies: readonly {
    /** An encoded envoy.config.core.v3.Node. */
    readonly node: Uint8Array;
    /** Place in `certificates`; without TLS it has no meaning. */
    readonly certificate: number;
  }[];
  readonly tls?: {
    /** PEM. */
    readonly roots: string;
    readonly serverName: string;
    readonly certificates: readonly WorkloadCertificate[];
  };
}

/** Kinds of resources; a virtual host that is sent apart counts as `routes` where it is expected, as `hosts` elsewhere. */
export type Kind = 'clusters' | 'endpoints' | 'listeners' | 'routes' | 'hosts';

/** A resource to look for. */
export interface ExpectedPart {
  readonly kind: Kind;
  /** Left out: any. */
  readonly name?: string;
  readonly contains: Uint8Array;
}

export interface Comparison {
  /** Proxies that hold something else. */
  readonly different: number;
  /** Some of what differs, for people. */
  readonly examples: readonly string[];
}

export interface EndpointChange {
  /** Place in what is tracked. */
  readonly service: number;
  readonly marker: number;
  /** Of wallClock(). */
  readonly at: number;
}

export interface Convergence {
  /** Milliseconds over all changes and proxies. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Pairs of a proxy and a service whose last change did not come. */
  readonly wrong: number;
}

export interface Traffic {
  readonly messages: Readonly<Record<Kind, number>>;
  readonly bytes: Readonly<Record<Kind, number>>;
  /** Streams that the server ended, by gRPC status. */
  readonly broken: Readonly<Record<string, number>>;
}

/** Milliseconds since the epoch, with fractions. */
export const wallClock = (): number => performance.timeOrigin + performance.now();

/** Addresses that mark endpoint changes: a 20-bit number in 172.16.0.0/12. */
export const markerAddress = (marker: number): string =>
  `172.${16 + ((marker >> 16) & 15)}.${(marker >> 8) & 255}.${marker & 255}`;

/** At most this long, in milliseconds, is anything waited for. */
const patience = 120_000;

export class Fleet {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #asking: Promise<unknown> = Promise.resolve();

  /** @param program path of the simulated proxies */
  constructor(program: string) {
    this.#child = spawnTied(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new LateenError('internal', 'the simulated proxies have no output');
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Connects all at once; milliseconds until each had everything that it asks for, -1 where that did not happen. */
  async connect(
    target: FleetTarget,
  ): Promise<{ readonly readyMs: readonly number[]; readonly broken: Traffic['broken'] }> {
    const proxies = target.proxies.map(({ node, certificate }) => ({ node: encodeBytes(node), certificate }));
    return this.#ask({ op: 'connect', address: target.address, tls: target.tls, proxies, limitMs: patience });
  }

  async disconnect(): Promise<void> {
    await this.#ask({ op: 'disconnect' });
  }

  /** Looks out for a change from now on; `arrivals` tells how it went. */
  async expect(parts: readonly ExpectedPart[]): Promise<void> {
    await this.#ask({ op: 'expect', parts: parts.map((part) => ({ ...part, contains: encodeBytes(part.contains) })) });
  }

  /** When each proxy had all that is expected, of wallClock(); -1 where that did not happen. */
  async arrivals(): Promise<readonly number[]> {
    return (await this.#ask<{ atMs: readonly number[] }>({ op: 'arrivals', limitMs: patience })).atMs;
  }

  /** Follows the markers in these assignments from now on; `converged` tells how it went. */
  async track(names: readonly string[]): Promise<void> {
    await this.#ask({ op: 'track', names });
  }

  async converged(changes: readonly EndpointChange[]): Promise<Convergence> {
    const made = changes.map(({ service, marker, at }) => ({ service, marker, atMs: at }));
    return this.#ask({ op: 'tracked', changes: made, limitMs: patience });
  }

  /** Resolves once no proxy has received anything for 0.3 s. */
  async quiet(): Promise<void> {
    await this.#ask({ op: 'quiet', limitMs: patience });
  }

  /** What all together received since they connected. */
  async traffic(): Promise<Traffic> {
    return this.#ask({ op: 'traffic' });
  }

  /** Sets what each holds against what it held before it was disconnected the last time. */
  async compare(): Promise<Comparison> {
    return this.#ask({ op: 'compare' });
  }

  async stop(): Promise<void> {
    await endChild(this.#child, 'SIGKILL');
  }

  #ask<Answer>(command: object): Promise<Answer> {
    const asked = this.#asking.then(async () => {
      this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
      const { value, done } = await this.#answers.next();
      if (done === true) throw new LateenError('unavailable', 'the simulated proxies ended');
      return JSON.parse(value) as Answer;
    });
    this.#asking = asked.catch(() => undefined);
    return asked;
  }
}

function encodeBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
