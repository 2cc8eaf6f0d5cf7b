import { expect } from 'chai';
import { selectCurves } from './curves.ts';
import { checkServerTls } from './servertlschecks.ts';

describe('curves that a user lists', () => {
  it('are offered as far as Envoy has them, each once, and admission warns of the others', () => {
    const listed = ['X25519MLKEM768', 'P-224', 'P-256', 'P-256'];
    expect(selectCurves(listed)).to.deep.equal(['X25519MLKEM768', 'P-256']);
    expect(checkServerTls({ mode: 'SIMPLE', credentialName: 'a', ecdhCurves: listed }, ['tls'])).to.deep.equal([
      {
        path: 'tls.ecdhCurves[1]',
        message: '"P-224" is no curve that Envoy offers, and is ignored',
        severity: 'warning',
      },
      { path: 'tls.ecdhCurves[3]', message: 'P-256 is listed twice', severity: 'warning' },
    ]);
  });
});
