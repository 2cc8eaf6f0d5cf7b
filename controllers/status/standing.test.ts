import { expect } from 'chai';
import type { StatusCondition } from './conditions.ts';
import { StandingConditions } from './standing.ts';

const condition = (status: 'True' | 'False'): StatusCondition => ({
  ...{ type: 'Accepted', status, reason: 'Accepted', message: 'valid', observedGeneration: 1 },
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const ours = [condition('True')];
const at = (resourceVersion: string, conditions: readonly StatusCondition[] = ours, uid = 'u') => ({
  metadata: { uid, resourceVersion },
  conditions,
});

describe('conditions that stand', () => {
  it('are lost where a later version of the same resource is without them, and said so once', () => {
    const standing = new StandingConditions();
    expect(standing.observe('a', at('5', [])), 'nothing was written').to.equal(false);
    standing.set('a', at('9'));
    expect(standing.observe('a', at('8', [])), 'an earlier version').to.equal(false);
    expect(standing.observe('a', at('10', [], 'v')), 'another resource of the name').to.equal(false);
    expect(standing.observe('a', at('10'))).to.equal(false);
    expect(standing.findLost('a', 'u')).to.equal(undefined);
    expect(standing.observe('a', at('11', [condition('False')]))).to.equal(true);
    expect(standing.observe('a', at('12', []))).to.equal(false);
    expect(standing.findLost('a', 'u')).to.deep.equal(ours);
    expect(standing.findLost('a', 'v')).to.equal(undefined);
    expect(standing.observe('a', at('13'))).to.equal(false);
    expect(standing.findLost('a', 'u'), 'they are back').to.equal(undefined);
  });

  it('are not lost where the watch is ahead of the answer to our own write, nor is a loss behind it overlooked', async () => {
    const standing = new StandingConditions();
    standing.set('a', at('1', [condition('False')]));
    const write = (seen: ReturnType<typeof at>) =>
      standing.write('a', ours, async () => {
        expect(standing.observe('a', seen)).to.equal(false);
        return { uid: 'u', resourceVersion: '2' };
      });
    expect(await write(at('2'))).to.equal(false);
    expect(standing.read('a', 'u')).to.deep.equal(ours);
    expect(await write(at('3', []))).to.equal(true);
    expect(standing.findLost('a', 'u')).to.deep.equal(ours);
  });

  it('are judged after a write that failed as before it', async () => {
    const standing = new StandingConditions();
    standing.set('a', at('1'));
    const failure = new Error('refused');
    const thrown = await standing
      .write('a', ours, () => Promise.reject(failure))
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(thrown).to.equal(failure);
    expect(standing.observe('a', at('2', []))).to.equal(true);
  });
});
