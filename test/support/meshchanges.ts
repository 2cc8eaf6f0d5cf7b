/** Random changes of a mesh under load: what users and Kubernetes do, in any order and close upon one another. */
import fc from 'fast-check';
import type { Deployment } from './deployment.ts';
import type { MeshUnderLoad } from './meshload.ts';

/** What passes between two edits of one change: nothing, a build, or until every proxy has it. */
type Pause = 'none' | 'built' | 'converged';
type Version = 'v1' | 'v2';
type Scope = 'none' | 'all' | 'own' | 'named';

export type MeshChange =
  /** New names of subsets, in the rule and the routes that use them. */
  | {
      readonly kind: 'resubset';
      readonly order: 'rule, routes' | 'routes, rule' | 'together';
      readonly pause: Pause;
      readonly weights: readonly [number, number];
    }
  /** The subsets in use choose other pods, or send in another way. */
  | { readonly kind: 'respecify'; readonly swapped: boolean; readonly timeout: number }
  | {
      readonly kind: 'add service';
      readonly protocol: 'http' | 'tcp';
      readonly ownPort: boolean;
      readonly first: 'pods' | 'slice';
    }
  | { readonly kind: 'remove service'; readonly which: number }
  /** The routes leave for another service and come back, and it is gone at once. */
  | { readonly kind: 'divert'; readonly goes: 'after' | 'with' | 'before'; readonly pause: Pause }
  /** The Sidecar of the clients: everything, their namespace, some services by name, and none at all. */
  | { readonly kind: 'scope'; readonly to: Scope; readonly pause: Pause }
  | { readonly kind: 'scale'; readonly version: Version; readonly replicas: number }
  | { readonly kind: 'roll'; readonly version: Version; readonly pause: Pause; readonly first: 'pods' | 'slice' };

const pause = fc.constantFrom<Pause>('none', 'built', 'converged');
const version = fc.constantFrom<Version>('v1', 'v2');
const first = fc.constantFrom('pods' as const, 'slice' as const);
const of = <K extends MeshChange['kind']>(kind: K) => fc.constant(kind);

export const meshChange: fc.Arbitrary<MeshChange> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: of('resubset'),
      order: fc.constantFrom('rule, routes' as const, 'routes, rule' as const, 'together' as const),
      pause,
      weights: fc.integer({ min: 1, max: 99 }).map((share) => [share, 100 - share] as const),
    }),
  },
  fc.record({ kind: of('respecify'), swapped: fc.boolean(), timeout: fc.integer({ min: 1, max: 9 }) }),
  {
    weight: 2,
    arbitrary: fc.record({
      kind: of('add service'),
      protocol: fc.constantFrom('http' as const, 'tcp' as const),
      ownPort: fc.boolean(),
      first,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: of('remove service'), which: fc.nat() }) },
  fc.record({ kind: of('divert'), goes: fc.constantFrom('after' as const, 'with' as const, 'before' as const), pause }),
  {
    weight: 2,
    arbitrary: fc.record({ kind: of('scope'), to: fc.constantFrom<Scope>('none', 'all', 'own', 'named'), pause }),
  },
  { weight: 2, arbitrary: fc.record({ kind: of('scale'), version, replicas: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: of('roll'), version, pause, first }) },
);

/** More services beside `reviews` than these are not there at once. */
const MOST_EXTRAS = 4;
const HTTP_PORT = 9080;

/** Performs changes on a world with one steady service `reviews`, whose routes and rule are changed. */
export class MeshChanges {
  readonly #world: MeshUnderLoad;
  readonly #reviews: Deployment;
  readonly #extras: Deployment[] = [];
  #serial = 0;
  #subsets: readonly string[] = [];
  #swapped = false;
  #timeout = 1;

  constructor(world: MeshUnderLoad, reviews: Deployment) {
    this.#world = world;
    this.#reviews = reviews;
  }

  /** Subsets and the routes to them. */
  start(): void {
    this.#renameSubsets();
    this.#world.apply(this.#rule() + this.#routes([50, 50]));
  }

  async perform(change: MeshChange): Promise<void> {
    switch (change.kind) {
      case 'resubset':
        return this.#resubset(change);
      case 'respecify':
        this.#swapped = change.swapped;
        this.#timeout = change.timeout;
        this.#world.apply(this.#rule());
        return this.#pause('converged');
      case 'add service':
        if (this.#extras.length < MOST_EXTRAS) this.#extras.push(await this.#addService(change));
        return undefined;
      case 'remove service':
        return this.#removeService(change.which);
      case 'divert':
        return this.#divert(change);
      case 'scope':
        return this.#scope(change);
      case 'scale':
        return this.#scale(change);
      case 'roll':
        return this.#roll(change);
    }
  }

  async #resubset({ order, pause, weights }: Extract<MeshChange, { kind: 'resubset' }>): Promise<void> {
    // Routes to subsets that are gone are held for a bounded time only: whoever waits in between starts from rest.
    if (pause === 'converged') await this.#pause('converged');
    this.#renameSubsets();
    const rule = this.#rule();
    const routes = this.#routes(weights);
    if (order === 'together') {
      this.#world.apply(rule + routes);
    } else {
      this.#world.apply(order === 'rule, routes' ? rule : routes);
      // The routes wait for their subsets, so nobody converges before these are there.
      await this.#pause(order === 'routes, rule' && pause === 'converged' ? 'built' : pause);
      this.#world.apply(order === 'rule, routes' ? routes : rule);
    }
    await this.#pause(pause);
  }

  async #addService({ protocol, ownPort, first }: Extract<MeshChange, { kind: 'add service' }>): Promise<Deployment> {
    this.#serial += 1;
    const port = ownPort || protocol === 'tcp' ? 7000 + this.#serial : HTTP_PORT;
    const extra = this.#world.plan({ name: `extra-${this.#serial}`, port, protocol });
    const pods = [extra.plan('v1'), extra.plan('v1')];
    await this.#world.run(extra, pods);
    extra.create([]);
    extra.join(pods, first);
    await this.#pause('converged');
    await this.#world.load.inside.aim(this.#world.targetOf(extra));
    return extra;
  }

  async #removeService(which: number): Promise<void> {
    const [extra] = this.#extras.splice(which % Math.max(1, this.#extras.length), 1);
    if (extra === undefined) return;
    await this.#world.load.inside.leave(extra.options.name);
    this.#world.retire(extra, extra.remove());
  }

  async #divert({ goes, pause }: Extract<MeshChange, { kind: 'divert' }>): Promise<void> {
    this.#serial += 1;
    const { sidecars = false } = this.#reviews.options;
    const other = this.#world.plan({ name: `detour-${this.#serial}`, port: HTTP_PORT, protocol: 'http', sidecars });
    await this.#world.deploy(other, [other.plan('v1')]);
    await this.#pause(pause);
    this.#world.apply(this.#routesTo(`- {destination: {host: ${other.options.name}, port: {number: ${HTTP_PORT}}}}`));
    await this.#pause('converged');
    const back = this.#routes([50, 50]);
    let gone: ReturnType<Deployment['remove']> = [];
    if (goes === 'before') {
      gone = other.remove();
      await this.#pause(pause === 'converged' ? 'built' : pause);
      this.#world.apply(back);
    } else {
      this.#world.apply(back);
      if (goes === 'after') await this.#pause(pause);
      gone = other.remove();
    }
    this.#world.retire(other, gone);
  }

  async #scope({ to, pause }: Extract<MeshChange, { kind: 'scope' }>): Promise<void> {
    const world = this.#world;
    if (to === 'none') {
      world.mesh.pipeline.objects.delete('Sidecar', world.namespace, 'default');
      return this.#pause(pause);
    }
    if (to !== 'named') {
      world.apply(this.#sidecar(to === 'all' ? ['*/*'] : ['./*']));
      return this.#pause(pause);
    }
    const names = [this.#reviews, ...this.#extras].map(({ options }) => options.name);
    world.apply(this.#sidecar(names.map((name) => `./${name}.${world.namespace}.svc.cluster.local`)));
    await this.#pause(pause);
    // Services to come are wanted as well.
    world.apply(this.#sidecar(['./*']));
  }

  #sidecar(hosts: readonly string[]): string {
    return `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: ${this.#world.namespace}}
spec: {egress: [{hosts: ${JSON.stringify(hosts)}}]}
---`;
  }

  async #scale({ version, replicas }: Extract<MeshChange, { kind: 'scale' }>): Promise<void> {
    const reviews = this.#reviews;
    const present = reviews.of(version);
    if (replicas >= present.length) {
      const pods = Array.from({ length: replicas - present.length }, () => reviews.plan(version));
      await this.#world.bring(reviews, pods, 'pods');
      return;
    }
    const gone = present.slice(replicas);
    reviews.terminate(gone);
    await this.#pause('built');
    this.#world.retire(reviews, gone);
  }

  /** One pod after the other, as a deployment that surges by one. */
  async #roll({ version, pause, first }: Extract<MeshChange, { kind: 'roll' }>): Promise<void> {
    const reviews = this.#reviews;
    for (const old of reviews.of(version)) {
      await this.#world.bring(reviews, [reviews.plan(version)], first);
      await this.#pause(pause);
      reviews.terminate([old]);
      this.#world.retire(reviews, [old]);
    }
  }

  async #pause(pause: Pause): Promise<void> {
    if (pause === 'built') await this.#world.mesh.pipeline.settled();
    if (pause === 'converged') await this.#world.mesh.converged();
  }

  #renameSubsets(): void {
    this.#serial += 1;
    this.#subsets = [`a${this.#serial}`, `b${this.#serial}`];
  }

  #rule(): string {
    const versions = this.#swapped ? ['v2', 'v1'] : ['v1', 'v2'];
    const subsets = this.#subsets.map((name, at) => `{name: ${name}, labels: {version: ${versions[at]}}}`);
    return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: ${this.#world.namespace}}
spec:
  host: reviews
  trafficPolicy: {connectionPool: {tcp: {connectTimeout: ${this.#timeout}s}}}
  subsets: [${subsets.join()}]
---`;
  }

  #routes(weights: readonly [number, number]): string {
    const destinations = this.#subsets.map(
      (subset, at) => `
    - {destination: {host: reviews, subset: ${subset}, port: {number: ${HTTP_PORT}}}, weight: ${weights[at]}}`,
    );
    return this.#routesTo(destinations.join(''));
  }

  /** The same routes for clients in the mesh and for the gateway. */
  #routesTo(destinations: string): string {
    const virtualService = (name: string, host: string, gateway: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: ${this.#world.namespace}}
spec:
  hosts: [${host}]
  gateways: [${gateway}]
  http:
  - route:
    ${destinations.trim()}
---`;
    return virtualService('reviews', 'reviews', 'mesh') + virtualService('public', 'shop.example.com', 'public');
  }
}
