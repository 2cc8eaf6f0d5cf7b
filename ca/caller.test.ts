import { expect } from 'chai';
import { LateenError, systemClock } from '#runtime/index.ts';
import { mintSelfSigned } from './bundle.ts';
import { CallerAuthenticator, type TokenVerifier } from './caller.ts';

const { roots } = mintSelfSigned('root', Date.now());

function makeCallers(verify: TokenVerifier['verify'], maxPending?: number): CallerAuthenticator {
  return new CallerAuthenticator({
    tokens: { verify },
    audiences: ['istio-ca'],
    trustDomain: 'cluster.local',
    trust: () => ({ roots, issuers: [] }),
    clock: systemClock,
    ...(maxPending === undefined ? {} : { maxPending }),
  });
}

describe('CallerAuthenticator', () => {
  it('asks about the token with the audiences, and trusts the answer alone', async () => {
    const asked: unknown[] = [];
    const callers = makeCallers(async (...given) => {
      asked.push(given);
      return { ok: true, namespace: 'default', serviceAccount: 'reviews' };
    });
    expect(await callers.authenticate({ authorization: ['Bearer a.b.c'], chain: [] })).to.deep.equal({
      ok: true,
      proof: 'token',
      identity: { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'reviews' },
    });
    expect(asked).to.deep.equal([['a.b.c', ['istio-ca']]]);
  });

  for (const authorization of [
    ['Bearer a', 'Bearer b'],
    ['Basic a'],
    ['a'],
    ['Bearer '],
    ['Bearer a b'],
    ['Bearer a\r\nb'],
    [`Bearer ${'x'.repeat(17_000)}`],
  ]) {
    it(`never asks about ${JSON.stringify(authorization).slice(0, 40)}`, async () => {
      const callers = makeCallers(async () => expect.fail('asked'));
      expect(await callers.authenticate({ authorization, chain: [] })).to.include({
        ok: false,
        code: 'unauthenticated',
      });
    });
  }

  it('does not take a token when the certificate beside it is not ours', async () => {
    const callers = makeCallers(async () => ({ ok: true, namespace: 'default', serviceAccount: 'reviews' }));
    const chain = [mintSelfSigned('other', Date.now()).certificate.raw];
    expect(await callers.authenticate({ authorization: ['Bearer a'], chain })).to.include({
      ok: false,
      code: 'unauthenticated',
    });
  });

  it('says unavailable when nobody can be asked', async () => {
    const callers = makeCallers(async () => {
      throw new LateenError('unavailable', 'the API server is away');
    });
    expect(await callers.authenticate({ authorization: ['Bearer a'], chain: [] })).to.include({
      ok: false,
      code: 'unavailable',
    });
  });

  it('bounds what is in flight', async () => {
    let answer: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const callers = makeCallers(async () => {
      await waiting;
      return { ok: true, namespace: 'a', serviceAccount: 'b' };
    }, 2);
    const credentials = { authorization: ['Bearer a'], chain: [] };
    const first = [callers.authenticate(credentials), callers.authenticate(credentials)];
    expect(await callers.authenticate(credentials)).to.include({ ok: false, code: 'unavailable' });
    answer();
    for (const verdict of await Promise.all(first)) expect(verdict.ok).to.equal(true);
    expect(await callers.authenticate(credentials)).to.have.property('ok', true);
  });
});
