import { expect } from 'chai';
import type { TlsSecret } from '#model/index.ts';
import { base64, mintKeyPair } from '#test/support/keypair.ts';
import { parseTlsSecret } from './secret.ts';

const context = { clusterId: 'c1', domainSuffix: 'cluster.local', network: '' };
const [own, other] = [mintKeyPair(), mintKeyPair()];

const parse = (data: Readonly<Record<string, string>>, before?: TlsSecret) => {
  const encoded = Object.fromEntries(Object.entries(data).map(([name, value]) => [name, base64(value)]));
  return parseTlsSecret({ kind: 'Secret', metadata: { name: 'a', namespace: 'b' }, data: encoded }, context, before);
};
const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString());
const valid = { 'tls.crt': own.certificate, 'tls.key': own.key };

describe('a Secret with certificates', () => {
  it('is read in both spellings, byte for byte, and is nothing where it holds none', () => {
    const kubernetes = parse({ ...valid, 'ca.crt': other.certificate });
    expect(text(kubernetes?.certificateChain)).to.equal(own.certificate);
    expect(text(kubernetes?.privateKey)).to.equal(own.key);
    expect(text(kubernetes?.caCertificates)).to.equal(other.certificate);
    expect(kubernetes?.notAfter).to.equal(own.notAfter);
    expect(kubernetes?.problems).to.equal(undefined);
    const generic = parse({ cert: own.certificate, key: own.key, cacert: other.certificate });
    expect(generic).to.deep.equal(kubernetes);
    expect(text(parse({ cacert: other.certificate })?.caCertificates)).to.equal(other.certificate);
    expect(parse({ password: 'x' })).to.equal(undefined);
    expect(parse({ 'tls.crt': '', 'tls.key': '' })).to.equal(undefined);
  });

  it('may hold what Envoy reads past: text, parameters of a curve, other blocks, a chain', () => {
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    const secret = parse({
      'tls.crt': `subject=a\n${own.certificate.replaceAll('\n', '\r\n')}${parameters}${other.certificate}`,
      'tls.key': `Key of a\n${parameters}${own.key}`,
    });
    expect(secret?.problems).to.equal(undefined);
    expect(text(secret?.privateKey)).to.contain(own.key);
  });

  it('expires with the first certificate of its chain', () => {
    const old = mintKeyPair(Date.UTC(2010, 0, 1));
    expect(parse({ ...valid, 'tls.crt': own.certificate + old.certificate })?.notAfter).to.equal(old.notAfter);
    expect(parse({ 'tls.crt': old.certificate, 'tls.key': old.key })?.problems).to.equal(undefined);
  });

  const torn = own.certificate.slice(0, -40);
  const garbage = '-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n';
  const faults: readonly (readonly [string, Readonly<Record<string, string>>, object])[] = [
    [
      'a key of another certificate',
      { ...valid, 'tls.key': other.key },
      { certificate: 'tls.key is not the key of the certificate in tls.crt' },
    ],
    [
      'the same in the generic form',
      { cert: own.certificate, key: other.key },
      { certificate: 'key is not the key of the certificate in cert' },
    ],
    [
      'a key that cannot be read',
      { ...valid, 'tls.key': '-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n' },
      { certificate: 'tls.key holds no private key that can be read' },
    ],
    ['no PEM', { ...valid, 'tls.crt': 'x' }, { certificate: 'tls.crt holds no certificate that can be read' }],
    [
      'half a certificate',
      { ...valid, 'tls.crt': torn },
      { certificate: 'tls.crt holds no certificate that can be read' },
    ],
    [
      'a chain of which one cannot be read',
      { ...valid, 'tls.crt': own.certificate + garbage },
      { certificate: 'tls.crt holds no certificate that can be read' },
    ],
    [
      'a certificate without a key that cannot be read',
      { cert: garbage },
      { certificate: 'cert holds no certificate that can be read' },
    ],
    ['roots that cannot be read', { cacert: garbage }, { roots: 'cacert holds no certificate that can be read' }],
  ];
  for (const [what, data, problems] of faults)
    it(`is refused for ${what}, and says so`, () => {
      const secret = parse(data);
      expect(secret?.problems).to.deep.equal(problems);
      expect(secret?.certificateChain).to.have.length(0);
      expect(secret?.privateKey).to.have.length(0);
      expect(secret?.caCertificates).to.equal(undefined);
    });

  it('leaves its last valid version in force, certificate and roots each by themselves', () => {
    const first = parse({ ...valid, 'ca.crt': other.certificate });
    const broken = parse({ 'tls.crt': other.certificate, 'tls.key': own.key, 'ca.crt': own.certificate }, first);
    expect(text(broken?.certificateChain)).to.equal(own.certificate);
    expect(text(broken?.caCertificates)).to.equal(own.certificate);
    expect(broken?.notAfter).to.equal(own.notAfter);
    const again = parse({ ...valid, 'tls.crt': garbage, 'ca.crt': garbage }, broken);
    expect(text(again?.certificateChain)).to.equal(own.certificate);
    expect(text(again?.caCertificates)).to.equal(own.certificate);
    const mended = parse({ 'tls.crt': other.certificate, 'tls.key': other.key }, again);
    expect(text(mended?.certificateChain)).to.equal(other.certificate);
    expect(mended?.caCertificates).to.equal(undefined);
    expect(mended?.problems).to.equal(undefined);
  });

  const list = '-----BEGIN X509 CRL-----\nMAMCAQE=\n-----END X509 CRL-----\n';

  it('has what its roots revoke, and one goes with the other', () => {
    const first = parse({ ...valid, 'ca.crt': other.certificate, 'ca.crl': list });
    expect(text(first?.crl)).to.equal(list);
    expect(text(parse({ cacert: other.certificate, crl: list })?.crl)).to.equal(list);
    for (const broken of ['nothing', list.replace('MAMCAQE=', 'MAQCAQE='), list.slice(0, -10)]) {
      const next = parse({ ...valid, 'ca.crt': own.certificate, 'ca.crl': broken }, first);
      expect(next?.problems, broken).to.deep.equal({ roots: 'ca.crl holds no revocation list that can be read' });
      expect([text(next?.caCertificates), text(next?.crl)]).to.deep.equal([other.certificate, list]);
      expect(parse({ 'ca.crt': own.certificate, 'ca.crl': broken })?.caCertificates).to.equal(undefined);
    }
    const lifted = parse({ ...valid, 'ca.crt': own.certificate }, first);
    expect([text(lifted?.caCertificates), lifted?.crl]).to.deep.equal([own.certificate, undefined]);
  });

  it('is looked through once, however often a certificate seems to begin', () => {
    const begins = '-----BEGIN CERTIFICATE-----\n'.repeat(40_000);
    expect(parse({ ...valid, 'tls.crt': begins })?.problems?.certificate).to.contain('no certificate');
  });
});
