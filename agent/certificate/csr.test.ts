import { execFileSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { buildCsr, buildSpiffeId, generateKey } from './csr.ts';
import { der } from './der.ts';

describe('certificate requests', () => {
  it('are what openssl reads: self-signed, empty subject, one URI', async () => {
    const key = await generateKey();
    const csr = buildCsr(key, buildSpiffeId('cluster.local', 'default', 'reviews'));
    const text = execFileSync('openssl', ['req', '-verify', '-noout', '-text', '-pubkey'], {
      input: csr,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    expect(text).to.match(/Subject: *\n/);
    expect(text).to.match(
      /X509v3 Subject Alternative Name: critical\s+URI:spiffe:\/\/cluster\.local\/ns\/default\/sa\/reviews\s*\n/,
    );
    expect(text).to.contain('Signature Algorithm: ecdsa-with-SHA256');
    expect(text).to.contain(createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString().trim());
  });

  it('use a new key each time', async () => {
    const keys = await Promise.all([generateKey(), generateKey()]);
    const [first, second] = keys.map((key) => createPublicKey(key).export({ type: 'spki', format: 'pem' }));
    expect(first).not.to.equal(second);
  });

  it('encode lengths of any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70_000 }), (size) => {
        const encoded = der.octetString(Buffer.alloc(size));
        const long = encoded[1] ?? 0;
        const header = long < 0x80 ? 2 : 2 + (long & 0x7f);
        const length = long < 0x80 ? long : encoded.readUIntBE(2, long & 0x7f);
        expect(length).to.equal(size);
        expect(encoded.length).to.equal(header + size);
      }),
    );
  });

  it('encode object identifiers', () => {
    expect(der.oid('1.2.840.113549.1.9.14').toString('hex')).to.equal('06092a864886f70d01090e');
    expect(der.oid('2.5.29.17').toString('hex')).to.equal('0603551d11');
  });
});
