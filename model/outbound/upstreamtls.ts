import { isHttp } from '../discovery/services.ts';
import { type ClientCredentials, credentialOf, resolveCredential } from '../frontend/istio/credentials.ts';
import type { ClientTLSSettings } from '../specs.ts';
import type { Protocol } from '../types/inputs.ts';
import type { ClusterName, UpstreamTls } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';

export interface TlsTarget {
  readonly name: ClusterName;
  readonly protocol: Protocol;
  readonly settings: MeshSettings;
  readonly inMesh: boolean;
  /** SPIFFE ids that the server may show. */
  readonly identities: () => readonly string[];
  /** Whether endpoints can say one by one that they accept mTLS. */
  readonly byEndpoint: boolean;
  readonly allAccept: () => boolean;
}

/** What TLS to speak: as the rule says, or by itself wherever the server's side accepts it. */
export function resolveUpstreamTls(settings: ClientTLSSettings | undefined, target: TlsTarget): UpstreamTls {
  if (settings?.mode === undefined && settings !== undefined) return { kind: 'none' };
  if (settings === undefined) {
    if (!target.settings.enableAutoMtls || !target.inMesh) return { kind: 'none' };
    if (target.byEndpoint) return { kind: 'auto-mtls', ...meshTls(undefined, target) };
    return target.allAccept() ? { kind: 'istio-mutual', ...meshTls(undefined, target) } : { kind: 'none' };
  }
  switch (settings.mode) {
    case 'ISTIO_MUTUAL':
      return { kind: 'istio-mutual', ...meshTls(settings, target) };
    case 'SIMPLE':
    case 'MUTUAL':
      return originated(settings, target);
    default:
      return { kind: 'none' };
  }
}

function meshTls(settings: ClientTLSSettings | undefined, target: TlsTarget) {
  const own = settings?.subjectAltNames ?? [];
  const alpn = target.protocol === 'Auto' ? 'auto' : isHttp(target.protocol) ? 'http' : 'tcp';
  return {
    sni: settings?.sni || defaultServerName(target.name),
    subjectAltNames: own.length > 0 ? own : target.identities(),
    alpn,
  } as const;
}

/** `outbound_.80_.v1_.reviews.default.svc.cluster.local`, the name by which gateways between networks find the cluster. */
function defaultServerName(name: ClusterName): string {
  return name.direction === 'outbound' ? `outbound_.${name.port}_.${name.subset}_.${name.hostname}` : '';
}

function originated(settings: ClientTLSSettings, target: TlsTarget): UpstreamTls {
  const own = settings.subjectAltNames ?? [];
  const credential = credentialOf(settings);
  return {
    kind: 'tls',
    sni: settings.sni ?? '',
    subjectAltNames: own.length > 0 || target.inMesh ? own : target.identities(),
    ...(credential === undefined ? resolveFiles(settings) : resolveCredential(credential, settings)),
    insecureSkipVerify: settings.insecureSkipVerify === true,
  };
}

function resolveFiles(settings: ClientTLSSettings): ClientCredentials {
  const { mode, clientCertificate: certificate, privateKey, caCertificates: file, caCrl: crl } = settings;
  return {
    ...(mode === 'MUTUAL' && certificate && privateKey ? { clientCertificate: { certificate, privateKey } } : {}),
    ...(file || crl ? { caCertificates: { ...(file ? { file } : {}), ...(crl ? { crl } : {}) } } : {}),
  };
}
