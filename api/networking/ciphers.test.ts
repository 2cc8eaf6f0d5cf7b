import { expect } from 'chai';
import { selectCiphers } from './ciphers.ts';

describe('ciphers that a user lists', () => {
  const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
    [['ECDHE-RSA-AES128-GCM-SHA256'], ['ECDHE-RSA-AES128-GCM-SHA256']],
    [
      ['ALL', '-AES128-SHA'],
      ['ALL', '-AES128-SHA'],
    ],
    [['[AES128-SHA|AES256-SHA]'], ['[AES128-SHA|AES256-SHA]']],
    [['AES128-SHA', 'NONSENSE', '', '@STRENGTH', '-NONSENSE', '[AES128-SHA|NONSENSE]'], ['AES128-SHA']],
    [['AES128-SHA', '-AES128-SHA'], []],
    [['!AES128-SHA', 'AES128-SHA'], []],
    [
      ['-AES128-SHA', 'AES128-SHA'],
      ['-AES128-SHA', 'AES128-SHA'],
    ],
    [['+AES128-SHA'], []],
    [['-ALL'], []],
    [['NONSENSE'], []],
    [[], []],
  ];
  for (const [listed, taken] of cases) {
    it(`are ${taken.join(':') || 'left to Envoy'}: ${listed.join(':') || 'none'}`, () => {
      expect(selectCiphers(listed)).to.deep.equal(taken);
    });
  }
});
