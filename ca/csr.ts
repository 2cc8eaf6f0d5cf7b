import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { LateenError } from '#runtime/core/index.ts';
import { type Asn1, contextTagOf, parseDer, readBits, readChildren, readContents, readOid, renderDer } from './der.ts';
import { oids, signatureAlgorithms } from './oids.ts';
import { parsePem } from './pem.ts';

/** An RSA-4096 request with a long name has 2 kB; this is checked before anything is parsed. */
const maxLength = 16 * 1024;

/** What a request proves (possession of the key) and asks for. */
export interface CertificateRequest {
  readonly publicKey: KeyObject;
  /** URI names asked for. Other kinds of names are in `otherNames`. */
  readonly uris: readonly string[];
  /** How many names of other kinds (DNS, IP, …) are asked for. */
  readonly otherNames: number;
}

/**
 * Parses a PKCS #10 request (RFC 2986) and verifies its signature. Accepts EC P-256 and P-384 and RSA of 2048 to 8192 bits,
 * signed with SHA-2. Throws LateenError (`invalid`), and nothing else, for anything it doesn't accept.
 */
export function parseCsr(pem: string): CertificateRequest {
  const root = readChildren(
    parseDer(parsePem(pem, ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'], maxLength)),
    'sequence',
    'the request',
  );
  const [info, algorithm, signature] = root;
  if (root.length !== 3 || !info) throw new LateenError('invalid', 'the request does not have three parts');
  const [version, subject, spki, attributes, ...rest] = readChildren(info, 'sequence', 'the request information');
  if (!readContents(version, 'integer', 'the version').equals(Buffer.from([0])))
    throw new LateenError('invalid', 'not a version 1 request');
  readChildren(subject, 'sequence', 'the subject');
  if (!spki || rest.length > 0) throw new LateenError('invalid', 'the request information does not have four parts');
  const publicKey = readPublicKey(renderDer(spki));
  verifySignature(publicKey, renderDer(info), algorithm, readBits(signature, 'the signature'));
  return { publicKey, ...readRequestedNames(attributes) };
}

/** Throws LateenError (`invalid`) for a key that we would not certify. */
function readPublicKey(spki: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (error) {
    throw new LateenError('invalid', 'the public key does not parse', { cause: error });
  }
  const { modulusLength = 0, publicExponent = 0n, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ec':
      if (namedCurve === 'prime256v1' || namedCurve === 'secp384r1') return key;
      throw new LateenError('invalid', `the curve ${namedCurve ?? 'of the key'} is not P-256 or P-384`);
    case 'rsa':
      if (modulusLength < 2048 || modulusLength > 8192) {
        throw new LateenError('invalid', `an RSA key of ${modulusLength} bits is not between 2048 and 8192`);
      }
      if (publicExponent < 65537n || publicExponent % 2n === 0n)
        throw new LateenError('invalid', 'the RSA exponent is too small');
      return key;
    default:
      throw new LateenError('invalid', `keys of type ${key.asymmetricKeyType ?? 'unknown'} are not accepted`);
  }
}

function verifySignature(key: KeyObject, signed: Buffer, algorithm: Asn1 | undefined, signature: Buffer): void {
  const oid = readOid(readChildren(algorithm, 'sequence', 'the signature algorithm')[0], 'the signature algorithm');
  const accepted = signatureAlgorithms.get(oid);
  if (!accepted || accepted.key !== key.asymmetricKeyType)
    throw new LateenError('invalid', `signature algorithm ${oid} is not accepted`);
  let valid: boolean;
  try {
    valid = verify(accepted.hash, signed, key, signature);
  } catch (error) {
    throw new LateenError('invalid', 'the signature does not parse', { cause: error });
  }
  if (!valid) throw new LateenError('invalid', "the signature is not by the request's key");
}

/** Attributes: [0] IMPLICIT SET OF SEQUENCE { type OID, values SET }. */
function readRequestedNames(attributes: Asn1 | undefined): Pick<CertificateRequest, 'uris' | 'otherNames'> {
  const uris: string[] = [];
  let otherNames = 0;
  if (!attributes) return { uris, otherNames };
  if (contextTagOf(attributes) !== 0 || !Array.isArray(attributes.value))
    throw new LateenError('invalid', 'the attributes are malformed');
  for (const attribute of attributes.value) {
    const [type, values] = readChildren(attribute, 'sequence', 'an attribute');
    if (readOid(type, 'an attribute') !== oids.extensionRequest) continue;
    for (const extension of readChildren(
      readChildren(values, 'set', 'the extension request')[0],
      'sequence',
      'the extensions',
    )) {
      const [oid, contents] = readExtension(extension);
      if (oid === oids.basicConstraints) refuseAuthority(contents);
      if (oid !== oids.subjectAltName) continue;
      for (const name of readChildren(parseDer(contents), 'sequence', 'the subject alternative name')) {
        if (contextTagOf(name) === 6 && typeof name.value === 'string') uris.push(name.value);
        else otherNames++;
      }
    }
  }
  return { uris, otherNames };
}

function readExtension(node: Asn1): readonly [oid: string, contents: Buffer] {
  const parts = readChildren(node, 'sequence', 'an extension');
  return [readOid(parts[0], 'an extension'), readContents(parts.at(-1), 'octetString', 'the contents of an extension')];
}

function refuseAuthority(contents: Buffer): void {
  const [authority] = readChildren(parseDer(contents), 'sequence', 'the basic constraints');
  if (authority && readContents(authority, 'boolean', 'the authority bit')[0] !== 0) {
    throw new LateenError('invalid', 'a certificate authority is asked for');
  }
}
