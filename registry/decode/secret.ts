import type { TlsSecret } from '#model/index.ts';
import { type ClusterContext, parseOrigin, type SecretObject } from './objects.ts';
import { type Checked, checkCertificates, checkKeyPair, checkRevocations, type PemField as Field } from './pem.ts';

type Pair = Pick<TlsSecret, 'certificateChain' | 'privateKey' | 'notBefore' | 'notAfter'>;

/**
 * Certificate, key, roots and what these have revoked of a Secret, under the names that Kubernetes (`tls.crt`, `tls.key`,
 * `ca.crt`, `ca.crl`) or Istio's generic form (`cert`, `key`, `cacert`, `crl`) use; undefined when it holds none of them. What cannot be used is left as it is in
 * `before`, the Secret as it was decoded last, and `problems` say why.
 * @param now milliseconds since the epoch; what is valid only later bears when
 */
export function parseTlsSecret(
  object: SecretObject,
  context: ClusterContext,
  before?: TlsSecret,
  now = Number.POSITIVE_INFINITY,
): TlsSecret | undefined {
  const certificate = readField(object, 'tls.crt', 'cert');
  const key = readField(object, 'tls.key', 'key');
  const roots = readField(object, 'ca.crt', 'cacert');
  if (certificate === undefined && roots === undefined) return undefined;
  const pair = certificate === undefined ? undefined : checkPair(certificate, key);
  const crl = readField(object, 'ca.crl', 'crl');
  const untrusted = checkRoots(roots, crl);
  const problems = {
    ...(pair?.ok === false ? { certificate: pair.problem } : {}),
    ...(untrusted === undefined ? {} : { roots: untrusted.problem }),
  };
  return {
    ...parseOrigin(object, context.clusterId),
    generation: 0,
    ...(pair?.ok === false ? keepPair(before) : takePair(certificate, key, pair, now)),
    ...pickRoots(untrusted === undefined ? { caCertificates: roots?.bytes, crl: crl?.bytes } : before),
    ...(Object.keys(problems).length === 0 ? {} : { problems }),
  };
}

/** A certificate without a key is what peers are checked against. */
function checkPair(certificate: Field, key: Field | undefined): Checked {
  return key === undefined ? checkCertificates(certificate) : checkKeyPair(certificate, key);
}

/** What was revoked belongs to the roots: either without the other would let in who was shut out. */
function checkRoots(roots: Field | undefined, crl: Field | undefined): Extract<Checked, { ok: false }> | undefined {
  const trusted = roots === undefined ? undefined : checkCertificates(roots);
  if (trusted?.ok === false) return trusted;
  return crl === undefined ? undefined : checkRevocations(crl);
}

function pickRoots({
  caCertificates,
  crl,
}: {
  readonly caCertificates?: Uint8Array | undefined;
  readonly crl?: Uint8Array | undefined;
} = {}): Pick<TlsSecret, 'caCertificates' | 'crl'> {
  return { ...(caCertificates === undefined ? {} : { caCertificates }), ...(crl === undefined ? {} : { crl }) };
}

function takePair(
  certificate: Field | undefined,
  key: Field | undefined,
  checked: Extract<Checked, { ok: true }> | undefined,
  now: number,
): Pair {
  const { notBefore, notAfter } = checked ?? {};
  return {
    certificateChain: certificate?.bytes ?? nothing,
    privateKey: key?.bytes ?? nothing,
    ...(notAfter === undefined ? {} : { notAfter }),
    ...(notBefore === undefined || notBefore <= now ? {} : { notBefore }),
  };
}

function keepPair(before: TlsSecret | undefined): Pair {
  const { certificateChain = nothing, privateKey = nothing, notAfter, notBefore } = before ?? {};
  return {
    ...{ certificateChain, privateKey },
    ...(notAfter === undefined ? {} : { notAfter }),
    ...(notBefore === undefined ? {} : { notBefore }),
  };
}

const nothing = new Uint8Array();

/** The first of the names that holds something. */
function readField({ data = {} }: SecretObject, ...names: readonly string[]): Field | undefined {
  for (const name of names) {
    const value = data[name];
    if (value !== undefined && value !== '') return { name, bytes: Buffer.from(value, 'base64') };
  }
  return undefined;
}
