import { X509Certificate } from 'node:crypto';
import { LateenError } from '#runtime/core/index.ts';

/** PEM of any label with base64 in lines of 64. */
export function renderPem(label: string, bytes: Uint8Array): string {
  const body = Buffer.from(bytes)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

/**
 * The contents of the only PEM block of a text. Throws LateenError (`invalid`) when there is none, more than one,
 * something around it, or the text is longer than `maxLength` characters; the length is looked at first.
 */
export function parsePem(text: string, labels: readonly string[], maxLength: number): Buffer {
  if (text.length > maxLength) throw new LateenError('invalid', `longer than ${maxLength} characters`);
  const match = /^\s*-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END ([A-Z0-9 ]+)-----\s*$/.exec(text);
  const [, begin = '', body = '', end] = match ?? [];
  if (begin !== end || !labels.includes(begin))
    throw new LateenError('invalid', `not one PEM block of ${labels.join(' or ')}`);
  const base64 = body.replace(/[\r\n]/g, '');
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64) throw new LateenError('invalid', 'not base64');
  return bytes;
}

/** All certificates of a PEM bundle in order. Throws LateenError (`invalid`) when one does not parse or there is none. */
export function parseCertificates(text: string, maxLength = 256 * 1024): readonly X509Certificate[] {
  if (text.length > maxLength) throw new LateenError('invalid', `longer than ${maxLength} characters`);
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new LateenError('invalid', 'no certificate found');
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new LateenError('invalid', `certificate ${i + 1} does not parse`, { cause: error });
    }
  });
}
