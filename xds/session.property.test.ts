import { expect } from 'chai';
import fc from 'fast-check';
import { NO_RESOURCES } from './difference.ts';
import { DEFAULT_SESSION_SETTINGS, type Outgoing, Session } from './session.ts';
import type { ServedResource, Snapshot } from './source.ts';
import { cluster, endpoints, listener, route, snapshot } from './testing/resources.ts';
import { RESOURCE_TYPES, type ResourceType } from './types.ts';

const TYPES = { cds: 'cds', eds: 'eds', lds: 'lds', rds: 'rds' } as const;
type Label = keyof typeof TYPES;
const LABELS: readonly Label[] = ['cds', 'eds', 'lds', 'rds'];
const CLUSTERS = ['a', 'b', 'c', 'd'];
const ROUTES = ['80', '90'];

type Refuses = (label: Label, resource: ServedResource) => boolean;

/** What a proxy would make of the responses: applies, subscribes to what it then needs, and keeps books. */
class ModelProxy {
  readonly session: Session;
  readonly refuses: Refuses;
  readonly #protocol: 'delta' | 'sotw';
  readonly held: Readonly<Record<Label, Map<string, ServedResource>>> = {
    cds: new Map(),
    eds: new Map(),
    lds: new Map(),
    rds: new Map(),
  };
  /** Received and not answered, in order of arrival. */
  readonly #inbox: { readonly label: Label; readonly response: Outgoing; processed?: 'taken' | 'refused' }[] = [];
  readonly #asked = new Set<Label>();
  readonly #taken = new Set<string>();
  /** What went wrong: a request would have met a cluster that isn't there. */
  readonly breaks: string[] = [];
  now = 0;

  /** `refuses`: what it never takes; tried again, it is refused again. */
  constructor(protocol: 'delta' | 'sotw', refuses: Refuses = () => false) {
    this.#protocol = protocol;
    this.refuses = refuses;
    this.session = new Session(protocol, DEFAULT_SESSION_SETTINGS);
  }

  aim(next: Snapshot): void {
    this.session.aim(next, NO_RESOURCES);
    this.pump();
  }

  subscribe(label: Label, names: readonly string[] = []): void {
    this.#asked.add(label);
    this.#request(label, { names, nonce: '' });
  }

  /**
   * Answers the oldest response of a type. A refusal of several leaves those applied that `applied` says. A stream is read
   * in order: what came before is applied by then, though its answer may take longer.
   */
  answer(label: Label, verdict: 'ack' | 'nack', applied: (name: string) => boolean): void {
    const at = this.#inbox.findIndex((received) => received.label === label);
    const received = this.#inbox[at];
    if (received === undefined) return;
    for (const earlier of this.#inbox.slice(0, at)) {
      earlier.processed ??= this.#process(earlier.label, earlier.response, 'ack', () => true);
    }
    this.#inbox.splice(at, 1);
    const { response } = received;
    const refused = (received.processed ?? this.#process(label, response, verdict, applied)) === 'refused';
    this.#request(label, { names: this.#interest(label), nonce: response.nonce, ...(refused ? { error: 'no' } : {}) });
    if (label === 'cds') this.#followEndpoints();
  }

  pump(): void {
    for (const response of this.session.pump(this.now)) {
      const label = LABELS.find((one) => one === response.type.label);
      if (label === undefined) throw new Error(`unexpected ${response.type.label}`);
      this.#inbox.push({ label, response });
    }
  }

  /** What the session does not say is left, although the client holds something else than it is to hold. */
  unsaid(target: Snapshot): readonly string[] {
    const said = this.session.outstanding().flat();
    const refused = this.session.refused();
    const same = (a: ServedResource | undefined, b: ServedResource | undefined) =>
      a?.typeUrl === b?.typeUrl && a?.name === b?.name && a?.version === b?.version;
    return (['cds', 'eds', 'lds', 'rds'] as const).flatMap((label) => {
      const { typeUrl, removal } = typeOf(label);
      const wanted = target.types.get(typeUrl) ?? NO_RESOURCES;
      const mayGo = removal === 'send' && label !== 'cds' ? [...this.held[label].keys()] : [];
      // Endpoints of a cluster that it lacks are not missed.
      const names = label === 'eds' ? this.#known : [...wanted.keys(), ...mayGo];
      return [...new Set(names)].flatMap((name) => {
        const next = wanted.get(name);
        const held = this.held[label].get(name);
        if (held?.version === next?.version || (next === undefined && !mayGo.includes(name))) return [];
        if (next !== undefined && refused.some(({ resource }) => same(resource, next))) return [];
        return said.some((left) => same(left.held, held) && same(left.wanted, next))
          ? []
          : [`${label} ${name}: ${held?.version} instead of ${next?.version}`];
      });
    });
  }

  get quiet(): boolean {
    return this.#inbox.length === 0;
  }

  #process(
    label: Label,
    response: Outgoing,
    verdict: 'ack' | 'nack',
    applied: (name: string) => boolean,
  ): 'taken' | 'refused' {
    const bad = new Set(response.resources.filter((one) => this.refuses(label, one)).map(({ name }) => name));
    // No proxy refuses to let go of something, or what it has taken before.
    const news = response.resources.filter(({ name, version }) => !this.#taken.has(`${label} ${name} ${version}`));
    const refused = bad.size > 0 || (verdict === 'nack' && news.length > 0);
    // So what alone can be the reason is not applied, whatever else goes with it.
    if (refused && news.length === 1) bad.add(news[0]?.name ?? '');
    const several = this.#changes(label, response) > 1;
    this.#apply(label, response, refused ? (name) => several && !bad.has(name) && applied(name) : () => true);
    return refused ? 'refused' : 'taken';
  }

  #changes(label: Label, { resources, removed }: Outgoing): number {
    if (this.#protocol === 'delta') return resources.length + removed.length;
    const names = new Set(resources.map(({ name }) => name));
    const gone =
      label === 'cds' || label === 'lds' ? [...this.held[label].keys()].filter((name) => !names.has(name)) : [];
    return (
      resources.filter(({ name, version }) => this.held[label].get(name)?.version !== version).length + gone.length
    );
  }

  #apply(label: Label, { resources, removed }: Outgoing, applied: (name: string) => boolean): void {
    const held = this.held[label];
    for (const resource of resources) {
      if (!applied(resource.name)) continue;
      const before = held.get(resource.name);
      for (const needed of resource.needs) {
        // What the one in force lacks as well cannot get worse.
        if (before === undefined || before.needs.includes(needed) || this.held.cds.has(needed)) continue;
        this.breaks.push(`${label} ${resource.name} names ${needed} too early`);
      }
      held.set(resource.name, resource);
      this.#taken.add(`${label} ${resource.name} ${resource.version}`);
    }
    const names = new Set(resources.map(({ name }) => name));
    const whole = this.#protocol === 'sotw' && (label === 'cds' || label === 'lds');
    const gone = whole ? [...held.keys()].filter((name) => !names.has(name)) : removed;
    for (const name of gone) {
      if (!applied(name)) continue;
      held.delete(name);
      const user = [...this.held.lds.values(), ...this.held.rds.values()].find(({ needs }) => needs.includes(name));
      if (label === 'cds' && user !== undefined)
        this.breaks.push(`cluster ${name} is removed while ${user.name} names it`);
    }
  }

  #interest(label: Label): readonly string[] {
    if (label === 'eds') return [...this.held.cds.keys()];
    return label === 'rds' ? ROUTES : [];
  }

  #followEndpoints(): void {
    const names = this.#interest('eds');
    for (const name of this.held.eds.keys()) if (!names.includes(name)) this.held.eds.delete(name);
    if (this.#asked.has('eds'))
      this.#request('eds', { names, nonce: this.#protocol === 'sotw' ? (this.#lastNonce.get('eds') ?? '') : '' });
    else this.subscribe('eds', names);
  }

  readonly #lastNonce = new Map<Label, string>();
  #known: readonly string[] = [];

  #request(
    label: Label,
    { names, nonce, error }: { readonly names: readonly string[]; readonly nonce: string; readonly error?: string },
  ): void {
    const type = RESOURCE_TYPES.find((one) => one.label === label);
    if (type === undefined) throw new Error(label);
    if (nonce !== '') this.#lastNonce.set(label, nonce);
    if (this.#protocol === 'sotw') {
      this.session.request({ protocol: 'sotw', type, names, nonce, error }, this.now);
    } else {
      const known = label === 'eds' ? this.#known : label === 'rds' && nonce !== '' ? ROUTES : [];
      if (label === 'eds') this.#known = names;
      const subscribe = names.filter((name) => !known.includes(name));
      const unsubscribe = known.filter((name) => !names.includes(name));
      this.session.request(
        { protocol: 'delta', type, subscribe, unsubscribe, initialVersions: {}, nonce, error },
        this.now,
      );
    }
    this.pump();
  }
}

interface Mesh {
  readonly clusters: readonly (readonly [string, string])[];
  readonly routes: readonly (readonly [string, readonly string[]])[];
  readonly listenerNeeds: readonly string[] | undefined;
}

const someClusters = fc.uniqueArray(fc.tuple(fc.constantFrom(...CLUSTERS), fc.constantFrom('1', '2')), {
  selector: ([name]) => name,
  maxLength: 4,
});
const needs = (from: readonly string[]) =>
  fc.uniqueArray(fc.constantFrom(...from), { maxLength: 3 }).map((names) => [...names].sort());

/** Any mesh: routes may name what does not exist. */
const anyMesh: fc.Arbitrary<Mesh> = fc.record({
  clusters: someClusters,
  routes: fc.tuple(...ROUTES.map((name) => needs([...CLUSTERS, 'missing']).map((names) => [name, names] as const))),
  listenerNeeds: fc.option(needs(CLUSTERS), { nil: undefined }),
});

/** Routes and listeners name only what exists, as they do once all that was applied has arrived. */
const soundMesh: fc.Arbitrary<Mesh> = someClusters
  .filter(({ length }) => length > 0)
  .chain((clusters) => {
    const names = clusters.map(([name]) => name);
    return fc.record({
      clusters: fc.constant(clusters),
      routes: fc.tuple(...ROUTES.map((name) => needs(names).map((wanted) => [name, wanted] as const))),
      listenerNeeds: fc.option(needs(names), { nil: undefined }),
    });
  });

function build(revision: number, { clusters, routes, listenerNeeds }: Mesh, note = ''): Snapshot {
  return snapshot(
    revision,
    ...clusters.flatMap(([name, version]) => [cluster(name, version + note), endpoints(name, note)]),
    ...routes.map(([name, wanted]) => route(name, wanted, `${wanted.join('+')}${note}`)),
    ...(listenerNeeds === undefined ? [] : [listener('x', listenerNeeds, `${listenerNeeds.join('+')}${note}`)]),
  );
}

function started(protocol: 'delta' | 'sotw', mesh: Mesh, refuses?: Refuses): ModelProxy {
  const proxy = new ModelProxy(protocol, refuses);
  proxy.aim(build(1, mesh));
  proxy.subscribe('cds');
  proxy.answer('cds', 'ack', () => true);
  proxy.answer('eds', 'ack', () => true);
  proxy.subscribe('lds');
  proxy.answer('lds', 'ack', () => true);
  proxy.subscribe('rds', ROUTES);
  proxy.answer('rds', 'ack', () => true);
  return proxy;
}

const publish = (mesh: fc.Arbitrary<Mesh>) => mesh.map((next) => ({ kind: 'publish' as const, next }));
const ack = fc.constantFrom(...LABELS).map((label) => ({ kind: 'ack' as const, label }));
const nack = fc.record({
  kind: fc.constant('nack' as const),
  label: fc.constantFrom(...LABELS),
  applied: fc.uniqueArray(fc.constantFrom(...CLUSTERS, ...ROUTES, 'x')),
});
const wait = fc.integer({ min: 1, max: 20_000 }).map((ms) => ({ kind: 'wait' as const, ms }));

/** Resources that a proxy never takes, as `TYPE NAME VERSION`. */
const neverTaken = fc.subarray([
  'cds a 1',
  'cds b 2',
  'cds c 1',
  'rds 80 a',
  'rds 90 a+b',
  'rds 90 ',
  'lds x a',
  'lds x ',
]);

type Action =
  | { readonly kind: 'publish'; readonly next: Mesh }
  | { readonly kind: 'ack'; readonly label: Label }
  | { readonly kind: 'nack'; readonly label: Label; readonly applied: readonly string[] }
  | { readonly kind: 'wait'; readonly ms: number };

function perform(proxy: ModelProxy, action: Action, revision: number): void {
  if (action.kind === 'publish') proxy.aim(build(revision, action.next));
  else if (action.kind === 'ack') proxy.answer(action.label, 'ack', () => true);
  else if (action.kind === 'nack') proxy.answer(action.label, 'nack', (name) => action.applied.includes(name));
  else {
    proxy.now += action.ms;
    proxy.pump();
  }
}

/** Answers until nothing is left to say and every bound is over. */
function finish(proxy: ModelProxy): void {
  for (let round = 0; round < 60 && !(proxy.quiet && proxy.session.settled() && round > 20); round += 1) {
    for (const label of LABELS) proxy.answer(label, 'ack', () => true);
    proxy.now += 5_000;
    proxy.pump();
  }
}

const ENDING = ['cds', 'lds', 'rds'] as const;

function typeOf(label: Label): ResourceType {
  const type = RESOURCE_TYPES.find((one) => one.label === label);
  if (type === undefined) throw new Error(label);
  return type;
}

const wantedOf = (target: Snapshot, label: Label) => target.types.get(typeOf(label).typeUrl) ?? NO_RESOURCES;

describe('session: any sequence of snapshots and answers', () => {
  for (const protocol of ['delta', 'sotw'] as const) {
    it(`never lets a route meet a cluster that is not there, ${protocol}`, () => {
      const steps = fc.array(fc.oneof(publish(soundMesh), { weight: 3, arbitrary: ack }), { maxLength: 40 });
      fc.assert(
        fc.property(soundMesh, steps, (first, actions) => {
          const proxy = started(protocol, first);
          for (const [at, action] of actions.entries()) perform(proxy, action, at + 2);
          expect(proxy.breaks).to.deep.equal([]);
        }),
        { numRuns: 300 },
      );
    });

    it(`says of everything that the client does not hold as it should what it holds instead, ${protocol}`, () => {
      const steps = fc.array(fc.oneof(publish(anyMesh), { weight: 3, arbitrary: ack }, nack, wait), { maxLength: 30 });
      fc.assert(
        fc.property(anyMesh, steps, neverTaken, (first, actions, never) => {
          const refuses: Refuses = (label, { name, version }) => never.includes(`${label} ${name} ${version}`);
          const proxy = started(protocol, first, refuses);
          let target = build(1, first);
          for (const [at, action] of actions.entries()) {
            if (action.kind === 'publish') {
              target = build(at + 2, action.next);
              proxy.aim(target);
            } else perform(proxy, action, at + 2);
            expect(proxy.unsaid(target)).to.deep.equal([]);
          }
          finish(proxy);
          if (proxy.session.settled()) expect(proxy.session.outstanding()).to.deep.equal([]);
        }),
        { numRuns: 300 },
      );
    });

    it(`says what is waited for as one that looks at all of it each time, ${protocol}`, () => {
      const steps = fc.array(fc.oneof(publish(anyMesh), { weight: 3, arbitrary: ack }, nack, wait), { maxLength: 40 });
      const waits = new Set<string>();
      fc.assert(
        fc.property(anyMesh, steps, (first, actions) => {
          const [one, other] = [started(protocol, first), started(protocol, first)];
          for (const [at, action] of actions.entries()) {
            for (const proxy of [one, other]) perform(proxy, action, at + 2);
            other.session.state.stir(other.session.state.clusters);
            const waiting = one.session.waitingFor();
            expect(waiting).to.deep.equal(other.session.waitingFor());
            waits.add(waiting.join());
          }
        }),
        { numRuns: 300 },
      );
      expect(waits.size).to.be.greaterThan(2);
    });

    it(`ends with exactly the newest snapshot, whatever was refused on the way, ${protocol}`, () => {
      const steps = fc.array(fc.oneof(publish(anyMesh), { weight: 3, arbitrary: ack }, nack, wait), { maxLength: 40 });
      fc.assert(
        fc.property(anyMesh, steps, anyMesh, (first, actions, last) => {
          const proxy = started(protocol, first);
          for (const [at, action] of actions.entries()) perform(proxy, action, at + 2);
          const target = build(1000, last, 'final');
          proxy.aim(target);
          finish(proxy);
          for (const label of ENDING)
            expect(render(proxy.held[label]), label).to.deep.equal(render(wantedOf(target, label)));
          for (const [name] of last.clusters)
            expect(proxy.held.eds.get(name)?.version, `endpoints of ${name}`).to.equal('final');
          expect(proxy.session.settled()).to.equal(true);
          expect(proxy.session.rejections()).to.deep.equal([]);
        }),
        { numRuns: 300 },
      );
    });

    it(`ends with all of the newest snapshot that the client takes, and names the rest, ${protocol}`, () => {
      const steps = fc.array(fc.oneof(publish(anyMesh), { weight: 3, arbitrary: ack }, wait), { maxLength: 30 });
      fc.assert(
        fc.property(anyMesh, steps, anyMesh, neverTaken, (first, actions, last, never) => {
          const refuses: Refuses = (label, { name, version }) => never.includes(`${label} ${name} ${version}`);
          const proxy = started(protocol, first, refuses);
          for (const [at, action] of actions.entries()) perform(proxy, action, at + 2);
          const target = build(1000, last);
          proxy.aim(target);
          finish(proxy);
          const refusedOf = (label: Label) =>
            [...wantedOf(target, label).values()].filter((resource) => refuses(label, resource));
          // What goes on in the place of something refused, or may do so, keeps the clusters that it names.
          const keepsClusters = refusedOf('lds').length + refusedOf('rds').length > 0;
          for (const label of ENDING) {
            const wanted = wantedOf(target, label);
            const refused = refusedOf(label);
            const certain = (all: ReadonlyMap<string, ServedResource>) =>
              new Map(
                [...all].filter(
                  ([name]) =>
                    !refused.some((resource) => resource.name === name) &&
                    (label !== 'cds' || wanted.has(name) || !keepsClusters),
                ),
              );
            expect(render(certain(proxy.held[label])), label).to.deep.equal(render(certain(wanted)));
            const named = proxy.session.rejections().find(({ typeUrl }) => typeUrl === typeOf(label).typeUrl);
            expect(named?.resources ?? [], `refused ${label}`).to.deep.equal(refused.map(({ name }) => name).sort());
          }
          expect(proxy.session.settled()).to.equal(true);
        }),
        { numRuns: 300 },
      );
    });
  }
});

function render(resources: ReadonlyMap<string, ServedResource>): readonly string[] {
  return [...resources.values()].map(({ name, version }) => `${name}@${version}`).sort();
}
