import { generateKeyPairSync, type X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { type CaBundle, mintSelfSigned } from './bundle.ts';
import { buildCertificate } from './certificate.ts';
import { parseSpiffeId, renderSpiffeId } from './spiffe.ts';
import { verifyPeerCertificate } from './verify.ts';

const now = Date.UTC(2026, 10, 23, 12);
const hour = 3600_000;
const id = 'spiffe://cluster.local/ns/default/sa/reviews';

interface Changes {
  readonly names?: { readonly uris?: readonly string[]; readonly dnsNames?: readonly string[] };
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly authority?: boolean;
}

function issue(issuer: Pick<CaBundle, 'privateKey' | 'certificate'>, changes: Changes = {}): X509Certificate {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const template = {
    publicKey,
    subject: [],
    notBefore: now - hour,
    notAfter: now + hour,
    names: { uris: [id] },
    authority: false,
  };
  return buildCertificate({ ...template, ...changes }, issuer);
}

describe('verifyPeerCertificate', () => {
  const root = mintSelfSigned('root', now);
  const trust = { roots: root.roots };

  it('gives the identity of a certificate of ours', () => {
    expect(verifyPeerCertificate([issue(root).raw], trust, now)).to.deep.equal({
      ok: true,
      expires: now + hour,
      identity: parseSpiffeId(id),
    });
  });

  const refused: [string, () => X509Certificate, RegExp][] = [
    ['another root with the same name', () => issue(mintSelfSigned('root', now)), /not signed by a trusted root/],
    ['an expired one', () => issue(root, { notAfter: now }), /expired/],
    ['one not yet valid', () => issue(root, { notBefore: now + 1000 }), /not valid before/],
    ['no name', () => issue(root, { names: {} }), /only name/],
    ['a DNS name', () => issue(root, { names: { dnsNames: ['istiod.istio-system.svc'] } }), /only name/],
    [
      'two names',
      () => issue(root, { names: { uris: [id, 'spiffe://cluster.local/ns/kube-system/sa/admin'] } }),
      /only name/,
    ],
    [
      'a name that is no workload',
      () => issue(root, { names: { uris: ['spiffe://cluster.local/other'] } }),
      /only name/,
    ],
    ['an authority', () => issue(root, { authority: true }), /authority|only name/],
    ['the root itself', () => root.certificate, /only name/],
  ];
  for (const [what, make, reason] of refused) {
    it(`refuses ${what}`, () => {
      expect(verifyPeerCertificate([make().raw], trust, now))
        .to.have.property('reason')
        .that.matches(reason);
    });
  }

  it('refuses a leaf of a leaf', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const template = {
      publicKey,
      subject: [],
      notBefore: now - hour,
      notAfter: now + hour,
      names: { uris: [id] },
      authority: false,
    };
    const leaf = buildCertificate(template, { privateKey: root.privateKey, certificate: root.certificate });
    const forged = issue({ privateKey, certificate: leaf });
    expect(verifyPeerCertificate([forged.raw, leaf.raw], trust, now)).to.have.property('ok', false);
  });

  it('takes the word of TLS for an issuer that it does not know, and for none that it knows better', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const validity = { notBefore: now - hour, notAfter: now + hour };
    const certificate = buildCertificate({ publicKey, subject: [], ...validity, names: {}, authority: true }, root);
    const leaf = issue({ privateKey, certificate }).raw;
    const vouched = { ...trust, vouched: true };
    expect(verifyPeerCertificate([leaf], trust, now)).to.have.property('ok', false);
    expect(verifyPeerCertificate([leaf, certificate.raw], trust, now)).to.have.property('ok', true);
    expect(verifyPeerCertificate([leaf], vouched, now)).to.have.property('ok', true);
    expect(verifyPeerCertificate([leaf], vouched, now + hour)).to.have.property('ok', false);
    const forged = issue({ privateKey, certificate: root.certificate }).raw;
    expect(verifyPeerCertificate([forged], vouched, now)).to.have.property('ok', false);
    const other = issue({ privateKey, certificate }, { names: { dnsNames: ['istiod'] } }).raw;
    expect(verifyPeerCertificate([other], vouched, now)).to.have.property('ok', false);
  });

  it('trusts both roots during a rotation', () => {
    const next = mintSelfSigned('root', now);
    const both = { roots: [...root.roots, ...next.roots] };
    expect(verifyPeerCertificate([issue(root).raw], both, now)).to.have.property('ok', true);
    expect(verifyPeerCertificate([issue(next).raw], both, now)).to.have.property('ok', true);
  });

  it('refuses every mutation of a certificate and never throws', () => {
    const { raw } = issue(root);
    fc.assert(
      fc.property(fc.nat(raw.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const mutated = Buffer.from(raw);
        mutated.writeUInt8(mutated.readUInt8(at) ^ flip, at);
        expect(verifyPeerCertificate([mutated], trust, now)).to.have.property('ok', false);
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), (chain) => {
        expect(verifyPeerCertificate(chain, trust, now)).to.have.property('ok', false);
      }),
    );
  });
});

describe('SPIFFE ids', () => {
  it('are read back as written', () => {
    const part = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
    const dotted = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
    fc.assert(
      fc.property(dotted, part, dotted, (trustDomain, namespace, serviceAccount) => {
        const identity = { trustDomain, namespace, serviceAccount };
        expect(parseSpiffeId(renderSpiffeId(identity))).to.deep.equal(identity);
      }),
    );
  });

  for (const wrong of [
    '',
    'spiffe://a/ns/b/sa/c/d',
    'spiffe://a/ns/b/sa/',
    'spiffe://a/ns/b/sa/c\n',
    'spiffe://A/ns/b/sa/c',
    'https://a/ns/b/sa/c',
    'spiffe://a/ns/../sa/c/ns/x/sa/y',
    `spiffe://a/ns/b/sa/${'c'.repeat(3000)}`,
  ]) {
    it(`refuse ${JSON.stringify(wrong.slice(0, 40))}`, () => {
      expect(parseSpiffeId(wrong)).to.equal(undefined);
    });
  }
});
