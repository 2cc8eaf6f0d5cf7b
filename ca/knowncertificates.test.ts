import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { KnownCertificates } from './knowncertificates.ts';
import { issueCredentials, openAuthority } from './testsupport/authority.ts';

describe('certificates that were shown before', () => {
  it('are the same object for the same bytes, until so many others were shown since', async () => {
    const authority = await openAuthority();
    const [a, b, c] = ['a', 'b', 'c'].map(
      (serviceAccount) => new X509Certificate(issueCredentials(authority, { serviceAccount }).chain).raw,
    ) as [Buffer, Buffer, Buffer];
    const known = new KnownCertificates(2);
    const first = known.parse(a);
    expect(first.raw.equals(a)).to.equal(true);
    const second = known.parse(b);
    expect(second).not.to.equal(first);
    expect(known.parse(Uint8Array.from(a))).to.equal(first);
    known.parse(c);
    expect(known.parse(a)).to.equal(first);
    expect(known.parse(b)).not.to.equal(second);
    expect(() => known.parse(Buffer.from('none'))).to.throw();
  });
});
