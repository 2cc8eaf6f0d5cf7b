import { expect } from 'chai';
import fc from 'fast-check';
import { LateenError } from '#runtime/core/index.ts';
import { parseCsr } from './csr.ts';
import { renderPem } from './pem.ts';
import { makeCsr, p256 } from './testsupport/openssl.ts';

const label = 'CERTIFICATE REQUEST';
const bytesOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');

describe('parseCsr', () => {
  const good = makeCsr(p256);

  const accepted: [string, readonly string[], string?][] = [
    ['EC P-256', p256],
    ['EC P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], 'sha384'],
    ['RSA 2048', ['rsa:2048']],
  ];
  for (const [what, key, digest] of accepted) {
    it(`accepts ${what}`, () => {
      const request = parseCsr(makeCsr(key, 'spiffe', digest));
      expect(request.uris).to.deep.equal(['spiffe://cluster.local/ns/default/sa/reviews']);
      expect(request.otherNames).to.equal(0);
    });
  }

  it('counts names of other kinds', () => {
    expect(parseCsr(makeCsr(p256, 'extra'))).to.include({ otherNames: 1 });
    expect(parseCsr(makeCsr(p256, 'plain')).uris).to.deep.equal([]);
  });

  const refused: [string, () => string, string][] = [
    ['RSA 1024', () => makeCsr(['rsa:1024']), '1024 bits'],
    ['another curve', () => makeCsr(['ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1']), 'is not P-256'],
    ['Ed25519', () => makeCsr(['ed25519']), 'not accepted'],
    ['SHA-1', () => makeCsr(p256, 'spiffe', 'sha1'), 'not accepted'],
    ['a certificate authority', () => makeCsr(p256, 'authority'), 'authority'],
    ['no PEM', () => 'hello', 'PEM'],
    ['an empty text', () => '', 'PEM'],
    ['two blocks', () => good + good, 'PEM'],
    ['another label', () => good.replaceAll(label, 'CERTIFICATE'), 'PEM'],
    ['a huge text', () => good + ' '.repeat(20_000), 'longer than'],
    ['trailing bytes', () => renderPem(label, Buffer.concat([bytesOf(good), Buffer.from([0])])), 'not DER'],
    ['cut bytes', () => renderPem(label, bytesOf(good).subarray(0, -1)), 'not DER'],
    [
      'a length in BER form',
      () => renderPem(label, Buffer.concat([Buffer.from([0x30, 0x82, 0]), bytesOf(good).subarray(2)])),
      'not DER',
    ],
    ['deep nesting', () => renderPem(label, nest(2000)), 'not DER'],
  ];
  for (const [what, make, message] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => parseCsr(make())).to.throw(LateenError, message);
    });
  }

  it('accepts no mutation, and fails in one way only', () => {
    const original = bytesOf(good);
    // The last bytes are the signature; a flipped bit anywhere must be noticed.
    fc.assert(
      fc.property(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const mutated = Buffer.from(original);
        mutated.writeUInt8(mutated.readUInt8(at) ^ flip, at);
        expect(() => parseCsr(renderPem(label, mutated)))
          .to.throw(LateenError)
          .with.property('code', 'invalid');
      }),
      { numRuns: 2000 },
    );
  });

  it('fails in one way only on inserted, deleted and random bytes', () => {
    const original = bytesOf(good);
    const piece = fc.record({
      at: fc.nat(original.length),
      drop: fc.nat(40),
      insert: fc.uint8Array({ maxLength: 40 }),
    });
    const texts = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => renderPem(label, bytes)),
      piece.map(({ at, drop, insert }) =>
        renderPem(
          label,
          Buffer.concat([
            original.subarray(0, at),
            insert,
            original.subarray(at + Math.max(drop, insert.length === 0 ? 1 : 0)),
          ]),
        ),
      ),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parseCsr(text);
        } catch (error) {
          expect(error).to.be.instanceOf(LateenError).with.property('code', 'invalid');
        }
      }),
      { numRuns: 2000 },
    );
  });
});

/** SEQUENCEs within SEQUENCEs. */
function nest(depth: number): Buffer {
  let bytes: Buffer = Buffer.alloc(0);
  for (let i = 0; i < depth; i++) {
    const length = bytes.length < 128 ? [bytes.length] : [0x82, bytes.length >> 8, bytes.length & 255];
    bytes = Buffer.concat([Buffer.from([0x30, ...length]), bytes]);
  }
  return bytes;
}
