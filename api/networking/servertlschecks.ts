import type { Diagnostic } from '../resource.ts';
import { duplicates, each, errorIf, type Path, warning, warningIf } from '../schema/findings.ts';
import { isCipher } from './ciphers.ts';
import { isCurve } from './curves.ts';
import type { ServerTLSSettings } from './servertls.ts';

/** Where certificates may come from; one place at most. */
function countSources(tls: ServerTLSSettings): number {
  return [
    Boolean(tls.serverCertificate && tls.privateKey),
    Boolean(tls.credentialName),
    (tls.credentialNames ?? []).length > 0,
    (tls.tlsCertificates ?? []).length > 0,
  ].filter(Boolean).length;
}

export function checkServerTls(tls: ServerTLSSettings, path: Path): Diagnostic[] {
  return [
    ...checkCertificates(tls, path),
    ...checkClientNames(tls, path),
    ...checkCiphers(tls, path),
    ...checkCurves(tls, path),
  ];
}

const spkiHash = /^[A-Za-z0-9+/]{43}=$/;
const certificateHash = /^([0-9a-f]{64}|([0-9a-f]{2}:){31}[0-9a-f]{2})$/i;

/** What Envoy would refuse with the whole listener, and what would seem to keep clients out and doesn't. */
function checkClientNames(tls: ServerTLSSettings, path: Path): Diagnostic[] {
  const checksClients = tls.mode === 'MUTUAL' || tls.mode === 'OPTIONAL_MUTUAL';
  const idle = (['subjectAltNames', 'verifyCertificateSpki', 'verifyCertificateHash'] as const).filter(
    (field) => !checksClients && (tls[field] ?? []).length > 0,
  );
  return [
    ...each(tls.verifyCertificateSpki, [...path, 'verifyCertificateSpki'], (hash, at) =>
      errorIf(!spkiHash.test(hash), at, 'must be a SHA-256 hash in base64'),
    ),
    ...each(tls.verifyCertificateHash, [...path, 'verifyCertificateHash'], (hash, at) =>
      errorIf(!certificateHash.test(hash), at, 'must be a SHA-256 hash in hex'),
    ),
    ...idle.map((field) =>
      warning([...path, field], 'checks nobody: only MUTUAL and OPTIONAL_MUTUAL ask for certificates'),
    ),
  ];
}

function checkCertificates(tls: ServerTLSSettings, path: Path): Diagnostic[] {
  switch (tls.mode ?? 'PASSTHROUGH') {
    case 'ISTIO_MUTUAL':
      return checkMeshOnly(tls, path);
    case 'PASSTHROUGH':
    case 'AUTO_PASSTHROUGH':
      return checkPassthrough(tls, path);
    default:
      return checkTerminating(tls, path);
  }
}

const certificateFields = [
  'serverCertificate',
  'privateKey',
  'caCertificates',
  'tlsCertificates',
  'credentialName',
  'credentialNames',
] as const;

const isSet = (tls: ServerTLSSettings, field: (typeof certificateFields)[number]) => (tls[field] ?? '').length > 0;

function checkMeshOnly(tls: ServerTLSSettings, path: Path): Diagnostic[] {
  return certificateFields.flatMap((field) =>
    errorIf(isSet(tls, field), [...path, field], 'cannot be set for ISTIO_MUTUAL, which uses the workload certificate'),
  );
}

function checkPassthrough(tls: ServerTLSSettings, path: Path): Diagnostic[] {
  const unused = certificateFields.some((field) => isSet(tls, field)) || Boolean(tls.caCrl);
  return [
    ...warningIf(unused, path, `${tls.mode ?? 'PASSTHROUGH'} uses no certificates`),
    ...errorIf(countSources(tls) > 1, path, 'certificates may come from one place only'),
    ...errorIf(Boolean(tls.caCrl && tls.credentialName), [...path, 'caCrl'], 'cannot go with credentialName'),
  ];
}

function checkTerminating(tls: ServerTLSSettings, path: Path): Diagnostic[] {
  const found = errorIf(countSources(tls) > 1, path, 'certificates may come from one place only');
  if (tls.credentialName || (tls.credentialNames ?? []).length > 0) return found;
  const mutual = tls.mode !== 'SIMPLE';
  const files = (tls.tlsCertificates ?? []).length > 0;
  const missing = `is required for ${tls.mode} where there is no credentialName`;
  return [
    ...found,
    ...errorIf(mutual && !tls.caCertificates, [...path, 'caCertificates'], missing),
    ...errorIf(!files && !tls.serverCertificate, [...path, 'serverCertificate'], missing),
    ...errorIf(!files && !tls.privateKey, [...path, 'privateKey'], missing),
    ...each(tls.tlsCertificates, [...path, 'tlsCertificates'], (certificate, at) => [
      ...errorIf(!certificate.serverCertificate, [...at, 'serverCertificate'], 'is required'),
      ...errorIf(!certificate.privateKey, [...at, 'privateKey'], 'is required'),
    ]),
    ...errorIf(!mutual && Boolean(tls.caCrl), [...path, 'caCrl'], 'cannot be set for SIMPLE'),
  ];
}

function checkCiphers(tls: ServerTLSSettings, path: Path): Diagnostic[] {
  const old = tls.minProtocolVersion === 'TLSV1_0' || tls.minProtocolVersion === 'TLSV1_1';
  const at = [...path, 'cipherSuites'];
  return [
    ...warningIf(
      old && (tls.cipherSuites ?? []).length === 0,
      at,
      `${tls.minProtocolVersion} needs ciphers of its time`,
    ),
    ...each(tls.cipherSuites, at, (name, here) =>
      warningIf(name !== '' && !isCipher(name), here, `"${name}" is no cipher and is ignored`),
    ),
    ...warnOfRepeated(tls.cipherSuites, at),
  ];
}

function checkCurves({ ecdhCurves }: ServerTLSSettings, path: Path): Diagnostic[] {
  const at = [...path, 'ecdhCurves'];
  return [
    ...each(ecdhCurves, at, (name, here) =>
      warningIf(!isCurve(name), here, `"${name}" is no curve that Envoy offers, and is ignored`),
    ),
    ...warnOfRepeated(ecdhCurves, at),
  ];
}

function warnOfRepeated(names: readonly string[] | undefined, path: Path): Diagnostic[] {
  const repeated = duplicates(
    names,
    path,
    (name) => name,
    (name) => `${name} is listed twice`,
  );
  return repeated.map((diagnostic): Diagnostic => ({ ...diagnostic, severity: 'warning' }));
}
