import { expect } from 'chai';
import { LateenError } from '#runtime/core/index.ts';
import type { Built } from './built.ts';
import { FaultReports } from './fault-reports.ts';
import type { Part } from './snapshots.ts';

const part = (...names: readonly string[]): Part => ({
  types: new Map(),
  summary: {
    sources: [],
    faults: names.map((name) => ({ name, sources: [], fault: new LateenError('internal', `${name} is broken`) })),
  },
});
const served = (view: Part, own: Part = part()): { readonly built: Built } => ({
  built: { combination: 'any', view, own },
});

describe('fault reports', () => {
  function start() {
    const told: string[] = [];
    return { told, faults: new FaultReports((what) => told.push(what)) };
  }

  it('tell each fault once for all proxies, and again when it comes back', () => {
    const { told, faults } = start();
    const broken = served(part('a'), part('b'));
    faults.note(undefined, broken.built);
    faults.report([broken, broken, { built: undefined }]);
    expect(told).to.deep.equal(['a', 'b']);
    const mended = served(part());
    faults.note(broken.built, mended.built);
    faults.report([mended]);
    faults.note(mended.built, broken.built);
    faults.report([broken]);
    expect(told).to.deep.equal(['a', 'b', 'a', 'b']);
  });

  it('look at nothing while every proxy is served from the same', () => {
    const { told, faults } = start();
    const first = served(part('a'));
    faults.report([first]);
    const { view, own } = first.built;
    faults.note(first.built, { combination: 'another', view: { ...view, types: new Map() }, own });
    const unread: Iterable<{ readonly built: Built }> = {
      [Symbol.iterator]: () => {
        throw new Error('looked at');
      },
    };
    faults.report(unread);
    expect(told).to.deep.equal(['a']);
    faults.note(first.built, undefined);
    expect(() => faults.report(unread)).to.throw('looked at');
  });
});
