import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { LateenError, systemClock } from '#runtime/index.ts';
import { mintSelfSigned } from './bundle.ts';
import { CallerAuthenticator, type TokenVerifier } from './caller.ts';
import { buildCertificate } from './certificate.ts';

const { roots, privateKey, certificate } = mintSelfSigned('root', Date.now());

/** The chain, in DER, of a workload of this trust domain. */
function chainOf(trustDomain: string): readonly Uint8Array[] {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Date.now();
  const names = { uris: [`spiffe://${trustDomain}/ns/default/sa/reviews`] };
  const validity = { notBefore: now - 60_000, notAfter: now + 600_000 };
  const leaf = buildCertificate(
    { publicKey, subject: [], ...validity, names, authority: false },
    { privateKey, certificate },
  );
  return [leaf.raw];
}

function makeCallers(verify: TokenVerifier['verify'], maxPending?: number): CallerAuthenticator {
  return new CallerAuthenticator({
    tokens: { verify },
    audiences: ['istio-ca'],
    trustDomains: () => ({ trustDomain: 'cluster.local', aliases: [] }),
    trust: () => ({ roots, issuers: [] }),
    clock: systemClock,
    ...(maxPending === undefined ? {} : { maxPending }),
  });
}

describe('CallerAuthenticator', () => {
  it('takes certificates of the trust domain and of its aliases, as they are at that moment, for the domain in force', async () => {
    let domains = { trustDomain: 'old', aliases: [] as readonly string[] };
    const callers = new CallerAuthenticator({
      tokens: { verify: async () => ({ ok: true, namespace: 'default', serviceAccount: 'reviews' }) },
      audiences: ['istio-ca'],
      trustDomains: () => domains,
      trust: () => ({ roots, issuers: [] }),
      clock: systemClock,
    });
    const by = async (trustDomain: string, authorization: readonly string[] = []) => {
      const verdict = await callers.authenticate({ authorization, chain: chainOf(trustDomain) });
      return verdict.ok ? verdict.identity.trustDomain : verdict.reason;
    };
    expect(await by('old')).to.equal('old');
    domains = { trustDomain: 'new', aliases: [] };
    expect(await by('old')).to.equal('the client certificate is of another trust domain');
    domains = { trustDomain: 'new', aliases: ['old'] };
    expect([await by('old'), await by('new'), await by('other')]).to.deep.equal([
      'new',
      'new',
      'the client certificate is of another trust domain',
    ]);
    expect(await by('old', ['Bearer a.b.c']), 'renewal').to.equal('new');
  });

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
