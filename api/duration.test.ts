import { assert } from 'chai';
import { parseDuration } from './duration.ts';

describe('parseDuration', () => {
  const valid: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['0s', 0],
    ['5s', 5000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['250ms', 250],
    ['10us', 0.01],
    ['-1s', -1000],
    ['+1s', 1000],
  ];
  for (const [text, milliseconds] of valid) {
    it(`reads ${text}`, () => assert.closeTo(parseDuration(text) ?? Number.NaN, milliseconds, 1e-9));
  }
  for (const text of ['', '5', 's', '1 s', '1d', '1s ', 'ms1', '1..5s', '--1s', `${'1'.repeat(70)}s`]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.isUndefined(parseDuration(text)));
  }
});
