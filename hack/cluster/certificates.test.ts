import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { createAuthority, issueCertificate, renderSerial } from './certificates.ts';

describe('certificates of the local cluster', () => {
  it('have serial numbers that are positive and as short as DER wants them, whatever was drawn', () => {
    expect(renderSerial(Uint8Array.of(0x00, 0x01, 0xff))).to.equal('4001ff');
    expect(renderSerial(Uint8Array.of(0xff, 0x00, 0x00))).to.equal('7f0000');
  });

  it('are issued by the authority for the names asked for', async () => {
    const authority = await createAuthority('test');
    const issued = await issueCertificate(authority, { commonName: 'server', dnsNames: ['a.test'] });
    const certificate = new X509Certificate(issued.certificate);
    expect(certificate.verify(new X509Certificate(authority.certificate).publicKey)).to.equal(true);
    expect(certificate.subjectAltName).to.equal('DNS:a.test');
    expect(certificate.serialNumber).to.match(/^[4-7][0-9A-F]{31}$/);
  });
});
