import { expect } from 'chai';
import { matchesLabels } from './selection.ts';

describe('a label selector', () => {
  const labels = { env: 'prod', team: 'a' };
  const cases: readonly (readonly [string, Parameters<typeof matchesLabels>[0], boolean])[] = [
    ['an empty one', {}, true],
    ['all of its labels', { matchLabels: { env: 'prod', team: 'a' } }, true],
    ['one label too many', { matchLabels: { env: 'prod', team: 'b' } }, false],
    ['In', { matchExpressions: [{ key: 'env', operator: 'In', values: ['test', 'prod'] }] }, true],
    ['In without the label', { matchExpressions: [{ key: 'zone', operator: 'In', values: ['x'] }] }, false],
    ['NotIn', { matchExpressions: [{ key: 'env', operator: 'NotIn', values: ['prod'] }] }, false],
    ['NotIn without the label', { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['x'] }] }, true],
    ['Exists', { matchExpressions: [{ key: 'team', operator: 'Exists' }] }, true],
    ['DoesNotExist', { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] }, false],
    ['a name that every object has', { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, false],
    [
      'labels and expressions',
      { matchLabels: { env: 'prod' }, matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] },
      false,
    ],
  ];
  for (const [what, selector, expected] of cases) {
    it(`${expected ? 'holds' : 'does not hold'}: ${what}`, () => {
      expect(matchesLabels(selector, labels)).to.equal(expected);
    });
  }
});
