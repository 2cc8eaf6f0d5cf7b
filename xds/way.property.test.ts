import { expect } from 'chai';
import fc from 'fast-check';
import { createResponseEncoder } from './response.ts';
import { DEFAULT_SESSION_SETTINGS, type Outgoing, Session } from './session.ts';
import type { Resources, ServedResource, Snapshot } from './source.ts';
import { cluster, endpoints } from './testing/resources.ts';
import { CLUSTER, ENDPOINT, resourceType } from './types.ts';

/** So many that clients share what they are sent, cut into many responses. */
const NAMES = Array.from({ length: 60 }, (_, at) => `n${at}`);
const CHUNK_BYTES = 2_000;
/** What ends a message, whatever is in it. */
const TAIL_BYTES = 100;

/** A client that applies what it is sent, as delta clients do. */
class Client {
  readonly session = new Session('delta', { ...DEFAULT_SESSION_SETTINGS, chunkBytes: CHUNK_BYTES });
  readonly held = new Map<string, string>();
  readonly asked = new Set<string>();
  /** Asked for and neither sent nor told to be absent since. */
  readonly unanswered = new Set<string>();
  readonly #typeUrl: string;
  readonly #inbox: Outgoing[] = [];
  #open = false;

  constructor(typeUrl: string) {
    this.#typeUrl = typeUrl;
  }

  get everything(): boolean {
    return this.#typeUrl === CLUSTER;
  }

  aim(snapshot: Snapshot): void {
    this.session.aim(snapshot, new Map());
    this.#pump();
  }

  subscribe(names: readonly string[]): void {
    if (this.everything && this.#open) return;
    for (const name of names) {
      this.asked.add(name);
      this.unanswered.add(name);
    }
    this.#request({ subscribe: this.everything ? [] : names });
  }

  unsubscribe(names: readonly string[]): void {
    if (this.everything) return;
    for (const name of names) {
      this.asked.delete(name);
      this.unanswered.delete(name);
      this.held.delete(name);
    }
    this.#request({ unsubscribe: names });
  }

  /** Reads the oldest response and acknowledges it, or refuses it having done part of it. */
  answer(done: (name: string) => boolean = () => true): boolean {
    const response = this.#inbox.shift();
    if (response === undefined) return false;
    const names = [...response.resources.map(({ name }) => name), ...response.removed];
    const has = ({ name, version }: ServedResource) => this.held.get(name) === version;
    // What a client has done before it does again, and none refuses to let go of something.
    const letsGo = (name: string) => response.removed.includes(name);
    const isDone = (name: string) =>
      done(name) || letsGo(name) || response.resources.some((one) => one.name === name && has(one));
    const refuses = !names.every(isDone);
    for (const { name, version } of response.resources) {
      this.unanswered.delete(name);
      if (isDone(name) && (this.everything || this.asked.has(name))) this.held.set(name, version);
    }
    for (const name of response.removed) {
      this.unanswered.delete(name);
      if (isDone(name)) this.held.delete(name);
    }
    this.#request({ nonce: response.nonce, error: refuses ? 'no' : undefined });
    return true;
  }

  #request(more: {
    readonly subscribe?: readonly string[];
    readonly unsubscribe?: readonly string[];
    readonly nonce?: string;
    readonly error?: string | undefined;
  }): void {
    const type = resourceType(this.#typeUrl);
    if (type === undefined) throw new Error(this.#typeUrl);
    this.#open = true;
    const nothing = { subscribe: [], unsubscribe: [], initialVersions: {}, nonce: '', error: undefined };
    this.session.request({ protocol: 'delta', type, ...nothing, ...more }, 0);
    this.#pump();
  }

  #pump(): void {
    for (const response of this.session.pump(0)) {
      const { size } = createResponseEncoder(0).encode('delta', response);
      expect(size, 'bytes of a response').to.be.at.most(CHUNK_BYTES + TAIL_BYTES);
      this.#inbox.push(response);
    }
  }
}

const someNames = fc.oneof(fc.subarray(NAMES), fc.constant(NAMES), fc.subarray(NAMES, { maxLength: 3 }));
/** What is there, in which version, and whether as one collection or as a small one beside a layered one. */
const anyTarget = fc.record({
  names: someNames,
  changed: fc.subarray(NAMES, { maxLength: 4 }),
  layered: fc.boolean(),
});
const step = fc.oneof(
  anyTarget.map((target) => ({ kind: 'aim' as const, target })),
  someNames.map((names) => ({ kind: 'subscribe' as const, names })),
  fc.subarray(NAMES, { maxLength: 3 }).map((names) => ({ kind: 'unsubscribe' as const, names })),
  { weight: 4, arbitrary: fc.constant({ kind: 'ack' as const }) },
  fc.subarray(NAMES).map((done) => ({ kind: 'nack' as const, done })),
);

describe('session: clients that share their way', () => {
  for (const [typeUrl, make] of [
    [CLUSTER, cluster],
    [ENDPOINT, endpoints],
  ] as const) {
    it(`hold what they ask for in the end, and are answered all they ask: ${make.name}`, () => {
      fc.assert(
        fc.property(anyTarget, fc.array(step, { maxLength: 30 }), anyTarget, (first, steps, last) => {
          const versions = new Map<string, number>();
          let revision = 0;
          const build = ({ names, changed, layered }: typeof first): Snapshot => {
            for (const name of changed) versions.set(name, (versions.get(name) ?? 0) + 1);
            revision += 1;
            const resources = names.map((name) => make(name, String(versions.get(name) ?? 0)));
            return { revision, types: new Map([[typeUrl, layered ? inLayers(resources) : flat(resources)]]) };
          };
          // A second client sees that what is shared does not depend on who takes it.
          const clients = [new Client(typeUrl), new Client(typeUrl)];
          const all = (act: (client: Client) => void) => clients.forEach(act);
          const start = build(first);
          all((client) => client.aim(start));
          for (const one of steps) {
            if (one.kind === 'aim') {
              const next = build(one.target);
              all((client) => client.aim(next));
            } else if (one.kind === 'ack') all((client) => client.answer());
            else if (one.kind === 'nack') clients[0]?.answer((name) => one.done.includes(name));
            else all((client) => client[one.kind](one.names));
          }
          all((client) => client.subscribe(NAMES.slice(0, 40)));
          // New versions of everything: what was refused before is not refused like this.
          const end = build({ ...last, changed: NAMES });
          all((client) => client.aim(end));
          all((client) => {
            while (client.answer());
            const target = end.types.get(typeUrl) ?? new Map();
            const wanted = [...target.values()].filter(({ name }) => client.everything || client.asked.has(name));
            const held = [...client.held].filter(([name]) => client.everything || target.has(name)).sort();
            expect(held).to.deep.equal(wanted.map(({ name, version }) => [name, version]).sort());
            // Endpoints that are gone are no news: the client drops them with their cluster.
            const unanswered = [...client.unanswered].filter((name) => !client.held.has(name));
            if (client === clients[1] && !client.everything) expect(unanswered).to.deep.equal([]);
          });
        }),
        { numRuns: 300 },
      );
    });
  }
});

function flat(resources: readonly ServedResource[]): Resources {
  return new Map(resources.map((resource) => [resource.name, resource]));
}

/** A collection of two layers, the second put together of more. */
function inLayers(resources: readonly ServedResource[]): Resources {
  const own = resources.slice(0, 2);
  const rest = resources.slice(2);
  const shared = stack([flat(rest.slice(0, 20)), flat(rest.slice(20))]);
  return stack([flat(own), shared]);
}

function stack(layers: readonly Resources[]): Resources {
  return Object.assign(new Map(layers.flatMap((layer) => [...layer])), { layers });
}
