import { expect } from 'chai';
import type { Resources } from '#xds/source.ts';
import { joinSnapshot } from './join.ts';
import { encodeResource } from './resource.ts';
import type { Part } from './snapshots.ts';

const resources = (...names: readonly string[]): Resources =>
  new Map(names.map((name) => [name, encodeResource('envoy.config.cluster.v3.Cluster', { name }, { name })]));
const part = (types: Readonly<Record<string, Resources>>): Part => ({
  types: new Map(Object.entries(types)),
  summary: { sources: [], faults: [] },
});
const namesOf = (types: ReadonlyMap<string, Resources>) => [...types].map(([type, all]) => [type, [...all.keys()]]);

describe('the join of two parts', () => {
  const clusters = resources('outbound');
  const view = part({ clusters, endpoints: resources('one') });
  const own = part({ clusters: resources('inbound'), names: resources('table') });

  it('has the types of both, as a map has them', () => {
    const { types } = joinSnapshot(view, own, 1);
    expect(namesOf(types)).to.deep.equal([
      ['clusters', ['outbound', 'inbound']],
      ['endpoints', ['one']],
      ['names', ['table']],
    ]);
    const whole = new Map(types);
    expect(types.size).to.equal(whole.size);
    expect([...types.keys()]).to.deep.equal([...whole.keys()]);
    expect([...types.values()]).to.deep.equal([...whole.values()]);
    const told: string[] = [];
    types.forEach((_, type) => {
      told.push(type);
    });
    expect(told).to.deep.equal([...whole.keys()]);
    expect(types.get('endpoints')).to.equal(whole.get('endpoints'));
    expect([types.has('names'), types.has('endpoints'), types.has('routes')]).to.deep.equal([true, true, false]);
    expect(types.get('routes')).to.equal(undefined);
  });

  it('keeps what has not changed the identical object, and the snapshot where nothing has', () => {
    const first = joinSnapshot(view, own, 1);
    expect(joinSnapshot(view, own, 2)).to.equal(first);
    const next = joinSnapshot(part({ clusters, endpoints: resources('two') }), own, 3);
    expect(next.revision).to.equal(3);
    expect(next.types.get('clusters')).to.equal(first.types.get('clusters'));
    expect(namesOf(next.types)[1]).to.deep.equal(['endpoints', ['two']]);
    const third = joinSnapshot(part({ clusters: resources('other'), endpoints: resources('two') }), own, 4);
    expect(namesOf(third.types)[0]).to.deep.equal(['clusters', ['other', 'inbound']]);
  });
});
