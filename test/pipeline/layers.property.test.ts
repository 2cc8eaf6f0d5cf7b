import { expect } from 'chai';
import fc from 'fast-check';
import { LayeredResources, sameLayers } from '#translate/layered.ts';
import { differingNames, NO_RESOURCES, needingNames } from '#xds/difference.ts';
import { partsOf } from '#xds/layers.ts';
import type { Resources } from '#xds/source.ts';
import { type Pace, stepsBetween } from '#xds/steps.ts';
import { route } from '#xds/testing/resources.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
const clusters = ['x', 'y'] as const;

const anyLayer: fc.Arbitrary<Resources> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...names), fc.constantFrom('1', '2'), fc.subarray([...clusters])), {
    selector: ([name]) => name,
    maxLength: 4,
  })
  .map(
    (entries) =>
      new Map(entries.map(([name, version, needs]) => [name, route(name, needs, `${version}${needs.join()}`)])),
  );
const anyHidden = fc.oneof(
  { weight: 3, arbitrary: fc.constant(new Set<string>()) },
  fc.subarray([...names]).map((hidden) => new Set<string>(hidden)),
);

/** A history of one collection: each step replaces, adds or removes a layer, or hides other names. */
const history = fc.tuple(
  fc.array(anyLayer, { minLength: 1, maxLength: 8 }),
  fc.array(fc.record({ at: fc.nat(8), layer: fc.option(anyLayer, { nil: undefined }), hidden: anyHidden }), {
    maxLength: 8,
  }),
);

function flatten({ layers, hidden }: LayeredResources): Resources {
  const flat: Map<string, ReturnType<typeof route>> = new Map();
  for (const [at, layer] of layers.entries()) {
    for (const [name, one] of layer) if (!flat.has(name) && (at === 0 || !hidden.has(name))) flat.set(name, one);
  }
  return flat;
}

function* collectionsOf([first, steps]: typeof history extends fc.Arbitrary<infer V> ? V : never) {
  let layers = first;
  let latest = new LayeredResources(layers);
  yield latest;
  for (const { at, layer, hidden } of steps) {
    layers = layer === undefined ? layers.toSpliced(at, 1) : layers.toSpliced(at, 1, layer);
    if (layers.length === 0) return;
    const next = new LayeredResources(layers, hidden.size === 0 ? latest.hidden : hidden);
    if (sameLayers(latest, next)) continue;
    latest = next;
    yield latest;
  }
}

describe('collections put together of layers', () => {
  it('hold what their layers hold, the first that has a name deciding, also after others took over their index', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const seen: LayeredResources[] = [];
        for (const collection of collectionsOf(steps)) {
          // Asked before it is replaced, so that there is an index to take over.
          collection.has('a');
          seen.push(collection);
        }
        for (const collection of seen) {
          const flat = flatten(collection);
          expect(new Map(collection)).to.deep.equal(flat);
          expect(collection.size).to.equal(flat.size);
          for (const name of names) expect(collection.get(name)).to.equal(flat.get(name));
          for (const cluster of clusters)
            expect([...needingNames(collection, cluster)].sort()).to.deep.equal(
              [...needingNames(flat, cluster)].sort(),
            );
        }
      }),
    );
  });

  it('are made of parts that have all they hold, and no name twice', () => {
    fc.assert(
      fc.property(history, anyLayer, anyHidden, (steps, own, hidden) => {
        for (const collection of collectionsOf(steps)) {
          for (const whole of [collection, new LayeredResources([own, collection], hidden)]) {
            const entries = partsOf(whole).flatMap((part) => [...part]);
            expect(new Map(entries)).to.deep.equal(new Map(whole));
            expect(entries.length).to.equal(whole.size);
          }
        }
      }),
    );
  });

  it('differ exactly where flat ones would', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const seen = [...collectionsOf(steps)];
        for (const from of seen) {
          for (const to of seen) {
            expect([...differingNames(from, to)].sort()).to.deep.equal(
              [...differingNames(flatten(from), flatten(to))].sort(),
            );
          }
        }
      }),
    );
  });
});

const many = Array.from({ length: 40 }, (_, at) => `n${at}`);
const pace: Pace = { chunkBytes: 2_000, byParent: false, removals: true };

const anyLargeLayer: fc.Arbitrary<Resources> = fc
  .record({ from: fc.nat(39), count: fc.nat(20), version: fc.constantFrom('1', '2') })
  .map(({ from, count, version }) => listed(many.slice(from, from + count), version));
const anyStack: fc.Arbitrary<LayeredResources> = fc
  .tuple(
    fc.array(anyLargeLayer, { minLength: 1, maxLength: 6 }),
    fc.subarray(many).map((hidden) => new Set(hidden)),
  )
  .map(([layers, hidden]) => new LayeredResources(layers, hidden));

function listed(all: readonly string[], version = '1'): Resources {
  return new Map(all.map((name) => [name, route(name, [], version)]));
}

describe('the way to a collection from nothing', () => {
  it('brings all that is in it as it stands there, and each once', () => {
    fc.assert(
      fc.property(anyStack, anyLargeLayer, anyStack, (shared, own, other) => {
        for (const to of [shared, new LayeredResources([own, shared]), new LayeredResources([own, shared, other])]) {
          const brought = stepsBetween(NO_RESOURCES, to, pace).flatMap(({ changes }) => changes);
          expect(brought).to.have.length(to.size);
          expect(new Map(brought.map(({ name, resource }) => [name, resource]))).to.deep.equal(flatten(to));
        }
      }),
    );
  });

  it('has the steps of every layer that is in it untouched, whatever else differs between those who share it', () => {
    const layers = [0, 10, 20, 30].map((at) => listed(many.slice(at, at + 10)));
    const shared = new LayeredResources(layers);
    const [first, second] = [3, 33].map((at) => new LayeredResources([listed(many.slice(at, at + 2), '2'), shared]));
    if (first === undefined || second === undefined) throw new Error('no collections');
    const stepsOfFirst = new Set(stepsBetween(NO_RESOURCES, first, pace));
    const common = stepsBetween(NO_RESOURCES, second, pace).filter((step) => stepsOfFirst.has(step));
    expect(common.flatMap(({ resources }) => resources.map(({ name }) => name))).to.deep.equal(many.slice(10, 30));
  });
});
