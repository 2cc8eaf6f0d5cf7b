import { expect } from 'chai';
import fc from 'fast-check';
import { NO_RESOURCES } from './difference.ts';
import { DEFAULT_SESSION_SETTINGS, type Outgoing, Session } from './session.ts';
import type { ServedResource, Snapshot } from './source.ts';
import { cluster, host, listener, route, snapshot } from './testing/resources.ts';
import { parentOf, RESOURCE_TYPES, ROUTE, VIRTUAL_HOST } from './types.ts';

type Label = 'cds' | 'lds' | 'rds' | 'vhds';
const LABELS: readonly Label[] = ['cds', 'lds', 'rds', 'vhds'];

interface Table {
  readonly version: string;
  hosts: ReadonlyMap<string, ServedResource>;
}

/**
 * What Envoy does with virtual hosts: it asks for them once, drops those whose table it does not have, drops them with
 * their table, and refuses all changes of a table that would have it hold one domain twice or something it cannot read.
 */
class ModelEnvoy {
  session = new Session('delta', DEFAULT_SESSION_SETTINGS);
  now = 0;
  refusals = 0;
  /** What went wrong: a request would have met a cluster that isn't there, or a domain that everybody always has. */
  readonly breaks: string[] = [];
  readonly tables = new Map<string, Table>();
  #clusters: ReadonlySet<string> = new Set();
  #listeners = new Map<string, ServedResource>();
  /** Versions that it would bring along to another stream. */
  readonly #versions = new Map<Label, Map<string, string>>(LABELS.map((label) => [label, new Map()]));
  #asked = new Set<Label>();
  /** Answers that are still to be given, oldest first. */
  #answers: { readonly label: Label; readonly nonce: string; readonly error: string | undefined }[] = [];
  readonly #steady: string;
  #target: Snapshot | undefined;

  constructor(steady: string) {
    this.#steady = steady;
  }

  aim(target: Snapshot): void {
    this.#target = target;
    this.session.aim(target, NO_RESOURCES);
    this.pump();
  }

  start(): void {
    for (const label of ['cds', 'lds'] as const) this.#ask(label, [], []);
  }

  /** Comes again on a new stream with what it has. */
  reconnect(): void {
    this.session = new Session('delta', DEFAULT_SESSION_SETTINGS);
    this.#answers = [];
    const asked = this.#asked;
    this.#asked = new Set();
    if (this.#target !== undefined) this.session.aim(this.#target, NO_RESOURCES);
    for (const label of LABELS) if (asked.has(label)) this.#ask(label, label === 'rds' ? this.#wantedTables() : [], []);
    this.pump();
  }

  pump(): void {
    for (const response of this.session.pump(this.now)) {
      const label = LABELS.find((one) => one === response.type.label);
      if (label === undefined) throw new Error(`unexpected ${response.type.label}`);
      const error = this.#apply(label, response);
      this.#answers.push({ label, nonce: response.nonce, error });
      if (error !== undefined) this.refusals += 1;
      const versions = this.#versions.get(label);
      if (error === undefined) for (const { name, version } of response.resources) versions?.set(name, version);
      if (error === undefined) for (const name of response.removed) versions?.delete(name);
    }
    this.#follow();
  }

  /** Gives the oldest answer. */
  answer(): void {
    const answer = this.#answers.shift();
    if (answer === undefined) return;
    const { label, ...rest } = answer;
    this.#request(label, rest);
    this.pump();
  }

  /** Virtual hosts that it holds otherwise than it is to, or lacks, without the session saying that they are left. */
  get unsaid(): readonly string[] {
    const said = this.session.outstanding().flat();
    const wanted = this.#target?.types.get(VIRTUAL_HOST) ?? NO_RESOURCES;
    const routes = this.#target?.types.get(ROUTE) ?? NO_RESOURCES;
    const held = new Map([...this.tables].flatMap(([name, { hosts }]) => (routes.has(name) ? [...hosts] : [])));
    const same = (a: ServedResource | undefined, b: ServedResource | undefined) =>
      a?.name === b?.name && a?.version === b?.version;
    return [...new Set([...wanted.keys(), ...held.keys()])].filter((name) => {
      const [has, is] = [held.get(name), wanted.get(name)];
      return !same(has, is) && !said.some((left) => same(left.held, has) && same(left.wanted, is));
    });
  }

  get quiet(): boolean {
    return this.#answers.length === 0;
  }

  #apply(label: Label, { resources, removed }: Outgoing): string | undefined {
    if (label === 'cds') {
      this.#clusters = new Set(
        [...this.#clusters, ...resources.map(({ name }) => name)].filter((name) => !removed.includes(name)),
      );
      for (const { hosts } of this.tables.values())
        for (const { name, needs } of hosts.values())
          if (needs.some((needed) => removed.includes(needed))) this.breaks.push(`a cluster goes that ${name} names`);
    }
    if (label === 'lds') {
      for (const resource of resources) this.#listeners.set(resource.name, resource);
      for (const name of removed) this.#listeners.delete(name);
    }
    if (label === 'rds') {
      for (const { name, version } of resources)
        this.tables.set(name, { version, hosts: this.tables.get(name)?.hosts ?? new Map() });
    }
    return label === 'vhds' ? this.#applyHosts(resources, removed) : undefined;
  }

  /** Table by table; what comes behind a table that refuses is not looked at. */
  #applyHosts(resources: readonly ServedResource[], removed: readonly string[]): string | undefined {
    for (const [name, table] of this.tables) {
      const hosts = new Map(table.hosts);
      for (const gone of removed) if (parentOf(gone) === name) hosts.delete(gone);
      for (const resource of resources) if (parentOf(resource.name) === name) hosts.set(resource.name, resource);
      const domains = [...hosts.values()].flatMap(({ claims = [] }) => claims);
      if (new Set(domains).size < domains.length) return `only one may have a domain of ${name}`;
      if ([...hosts.values()].some(({ version }) => version.startsWith('bad'))) return `cannot read one of ${name}`;
      for (const resource of resources) {
        const before = table.hosts.get(resource.name);
        if (parentOf(resource.name) !== name || before === undefined) continue;
        for (const needed of resource.needs)
          if (!before.needs.includes(needed) && !this.#clusters.has(needed))
            this.breaks.push(`${resource.name} names ${needed} too early`);
      }
      const had = [...table.hosts.values()].some(({ claims }) => claims?.includes(this.#steady));
      if (had && !domains.includes(this.#steady)) this.breaks.push(`${name} lost ${this.#steady}`);
      table.hosts = hosts;
    }
    return undefined;
  }

  #wantedTables(): readonly string[] {
    return [...new Set([...this.#listeners.values()].flatMap(({ routeNames = [] }) => routeNames))].sort();
  }

  #subscribed: readonly string[] = [];

  #follow(): void {
    if (!this.#asked.has('lds')) return;
    const wanted = this.#wantedTables();
    const subscribe = wanted.filter((name) => !this.#subscribed.includes(name));
    const unsubscribe = this.#subscribed.filter((name) => !wanted.includes(name));
    this.#subscribed = wanted;
    for (const name of unsubscribe) {
      this.tables.delete(name);
      this.#versions.get('rds')?.delete(name);
    }
    const asksForHosts = this.tables.size > 0 && !this.#asked.has('vhds');
    if (subscribe.length + unsubscribe.length > 0) this.#ask('rds', subscribe, unsubscribe);
    if (asksForHosts) this.#ask('vhds', [], []);
    if (subscribe.length + unsubscribe.length > 0 || asksForHosts) this.pump();
  }

  #ask(label: Label, subscribe: readonly string[], unsubscribe: readonly string[]): void {
    const first = !this.#asked.has(label);
    this.#asked.add(label);
    const initialVersions = first ? Object.fromEntries(this.#versions.get(label) ?? []) : {};
    this.#request(label, { nonce: '', error: undefined, subscribe, unsubscribe, initialVersions });
  }

  #request(
    label: Label,
    request: {
      readonly nonce: string;
      readonly error: string | undefined;
      readonly subscribe?: readonly string[];
      readonly unsubscribe?: readonly string[];
      readonly initialVersions?: Readonly<Record<string, string>>;
    },
  ): void {
    const type = RESOURCE_TYPES.find((one) => one.label === label);
    if (type === undefined) throw new Error(label);
    const nothing = { subscribe: [], unsubscribe: [], initialVersions: {} };
    this.session.request({ protocol: 'delta', type, ...nothing, ...request }, this.now);
  }
}

interface Mesh {
  readonly tables: readonly string[];
  /** Who has which domains, by table. */
  readonly owners: Readonly<Record<string, readonly string[]>>;
  readonly version: string;
  readonly cluster: string;
  readonly clusters: readonly string[];
}

const TABLES = ['80', '90'];
const HOSTS = ['a', 'b', 'c', 'd'];
const DOMAINS = ['steady', 'x', 'y', 'z'];
const CLUSTERS = ['k', 'l', 'm'];

const owner = fc.constantFrom(...HOSTS);
/** For each domain the virtual host that has it. */
const owners = fc.tuple(...DOMAINS.map(() => owner));

const mesh = (versions: readonly string[]): fc.Arbitrary<Mesh> =>
  fc
    .record({
      tables: fc.constantFrom(TABLES, TABLES, ['80'], ['90']),
      of80: owners,
      of90: owners,
      version: fc.constantFrom(...versions),
      clusters: fc.subarray(CLUSTERS, { minLength: 1 }),
      at: fc.nat(),
    })
    .map(({ of80, of90, clusters, at, ...rest }) => ({
      ...rest,
      clusters,
      cluster: clusters[at % clusters.length] ?? 'k',
      owners: { 80: of80, 90: of90 },
    }));

function build(revision: number, { tables, owners: all, version, cluster: needed, clusters }: Mesh): Snapshot {
  const hosts = tables.flatMap((table) =>
    HOSTS.flatMap((name) => {
      const domains = DOMAINS.filter((_, at) => all[table]?.[at] === name);
      const marked = name === 'a' ? version : '1';
      return domains.length === 0
        ? []
        : [host(`${table}/${name}`, domains, `${marked} ${domains.join('+')} ${needed}`, [needed])];
    }),
  );
  return snapshot(
    revision,
    ...clusters.map((name) => cluster(name)),
    ...tables.map((name) => route(name, [], 'split')),
    ...tables.map((name) => ({ ...listener(`l${name}`), routeNames: [name] })),
    ...hosts,
  );
}

type Action = (envoy: ModelEnvoy, revision: number) => void;
const publish = (versions: readonly string[]) =>
  mesh(versions).map(
    (next): Action =>
      (envoy, revision) =>
        envoy.aim(build(revision, next)),
  );
const answer = fc.constant<Action>((envoy) => envoy.answer());
const wait = fc.integer({ min: 1, max: 12_000 }).map(
  (ms): Action =>
    (envoy) => {
      envoy.now += ms;
      envoy.pump();
    },
);
const reconnect = fc.constant<Action>((envoy) => envoy.reconnect());

/** `check` is called after each action. */
function run(
  first: Mesh,
  actions: readonly Action[],
  check: (envoy: ModelEnvoy) => void = () => undefined,
): ModelEnvoy {
  const envoy = new ModelEnvoy('steady');
  envoy.aim(build(1, first));
  envoy.start();
  for (const [at, action] of actions.entries()) {
    action(envoy, at + 2);
    check(envoy);
  }
  return envoy;
}

function settle(envoy: ModelEnvoy, target: Snapshot): void {
  envoy.aim(target);
  for (let round = 0; round < 300 && !(envoy.quiet && envoy.session.settled() && round > 40); round += 1) {
    envoy.answer();
    if (envoy.quiet) envoy.now += 5_000;
    envoy.pump();
  }
}

const render = (hosts: Iterable<ServedResource>) => [...hosts].map(({ name, version }) => `${name}@${version}`).sort();

describe('virtual hosts on a model of Envoy, after any sequence of snapshots and answers', () => {
  it('are never refused, lost or ahead of their clusters while all of them are good', () => {
    const steps = fc.array(
      fc.oneof({ weight: 2, arbitrary: publish(['1', '2', '3']) }, { weight: 3, arbitrary: answer }),
      { maxLength: 40, size: 'max' },
    );
    fc.assert(
      fc.property(mesh(['1']), steps, (first, actions) => {
        const envoy = run(first, actions, ({ unsaid }) => expect(unsaid).to.deep.equal([]));
        expect(envoy.breaks).to.deep.equal([]);
        expect(envoy.refusals).to.equal(0);
      }),
      { numRuns: 300 },
    );
  });

  it('end as the newest snapshot has them, whatever was refused, dropped or taken to another stream on the way', () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: publish(['1', '2', 'bad1', 'bad2']) },
        { weight: 4, arbitrary: answer },
        wait,
        reconnect,
      ),
      { maxLength: 40, size: 'max' },
    );
    fc.assert(
      fc.property(mesh(['1']), steps, mesh(['1', '2']), (first, actions, last) => {
        const envoy = run(first, actions);
        const target = build(1000, last);
        settle(envoy, target);
        expect([...envoy.tables.keys()].sort()).to.deep.equal([...last.tables]);
        const held = [...envoy.tables.values()].flatMap(({ hosts }) => [...hosts.values()]);
        const type = RESOURCE_TYPES.find(({ label }) => label === 'vhds')?.typeUrl ?? '';
        expect(render(held)).to.deep.equal(render(target.types.get(type)?.values() ?? []));
        expect(envoy.session.settled()).to.equal(true);
        expect(envoy.session.rejections()).to.deep.equal([]);
      }),
      { numRuns: 300 },
    );
  });
});
