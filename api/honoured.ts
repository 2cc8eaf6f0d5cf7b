/**
 * Which fields the control plane acts upon today. A field that a user sets and that is not listed here is accepted, kept
 * and reported in the status of the resource. Whoever makes a field work adds a line here.
 */
import type { Kind } from './kinds.ts';
import type { Diagnostic } from './resource.ts';
import { renderPath } from './schema/diagnose.ts';

/** Where a field has an effect: everywhere, or only with these values. */
type Honour = true | readonly (string | number | boolean)[];

/** Limits of connections, wherever they stand. */
function poolFields(at: string): Readonly<Record<string, Honour>> {
  const whole = [
    'tcp.maxConnections',
    'tcp.connectTimeout',
    'tcp.tcpKeepalive',
    'http.http1MaxPendingRequests',
    'http.http2MaxRequests',
    'http.maxRequestsPerConnection',
    'http.maxRetries',
    'http.idleTimeout',
    'http.useClientProtocol',
  ];
  return Object.fromEntries(whole.map((field) => [`${at}.${field}`, true]));
}

/** A TrafficPolicy stands in four places with the same effect. */
function policyFields(at: string): Readonly<Record<string, Honour>> {
  const whole = [
    'loadBalancer.simple',
    'connectionPool.http.h2UpgradePolicy',
    'outlierDetection.consecutive5xxErrors',
    'outlierDetection.consecutiveGatewayErrors',
    'outlierDetection.consecutiveLocalOriginFailures',
    'outlierDetection.splitExternalLocalOriginErrors',
    'outlierDetection.interval',
    'outlierDetection.baseEjectionTime',
    'outlierDetection.maxEjectionPercent',
    'outlierDetection.minHealthPercent',
    'tls.mode',
    'tls.clientCertificate',
    'tls.privateKey',
    'tls.caCertificates',
    'tls.caCrl',
    'tls.credentialName',
    'tls.insecureSkipVerify',
    'tls.sni',
    'tls.subjectAltNames',
  ];
  return {
    ...poolFields(`${at}.connectionPool`),
    ...Object.fromEntries(whole.map((field) => [`${at}.${field}`, true])),
  };
}

/** TLS that ends at a proxy, at a gateway or beside an application. */
function serverFields(at: string): Readonly<Record<string, Honour>> {
  const whole = [
    'serverCertificate',
    'privateKey',
    'caCertificates',
    'caCrl',
    'verifyCertificateHash',
    'verifyCertificateSpki',
    'minProtocolVersion',
    'maxProtocolVersion',
    'cipherSuites',
    'ecdhCurves',
  ];
  return Object.fromEntries(whole.map((field) => [`${at}.${field}`, true]));
}

/** A workload stands in ServiceEntries and by itself. */
function workloadFields(at: string): Readonly<Record<string, Honour>> {
  const fields = ['address', 'ports', 'labels', 'network', 'locality', 'weight', 'serviceAccount'];
  return Object.fromEntries(fields.map((field) => [`${at}${field}`, true]));
}

/** Paths below `spec`; `[]` stands for list items, `{}` for map values. A listed path covers all below it. */
export const honoured: Partial<Readonly<Record<Kind, Readonly<Record<string, Honour>>>>> = {
  VirtualService: {
    hosts: true,
    gateways: true,
    exportTo: true,
    'http[].name': true,
    'http[].match[].name': true,
    'http[].match[].uri': true,
    'http[].match[].ignoreUriCase': true,
    'http[].match[].headers': true,
    'http[].match[].withoutHeaders': true,
    'http[].match[].method': true,
    'http[].match[].authority': true,
    'http[].match[].scheme': true,
    'http[].match[].queryParams': true,
    'http[].match[].port': true,
    'http[].match[].gateways': true,
    'http[].match[].sourceLabels': true,
    'http[].match[].sourceNamespace': true,
    'http[].route[].destination': true,
    'http[].route[].weight': true,
    'http[].route[].headers': true,
    'http[].headers': true,
    'http[].redirect.uri': true,
    'http[].redirect.prefixRewrite': true,
    'http[].redirect.authority': true,
    'http[].redirect.port': true,
    'http[].redirect.derivePort': true,
    'http[].redirect.scheme': true,
    // Envoy redirects with these codes only.
    'http[].redirect.redirectCode': [0, 301, 302, 303, 307, 308],
    'http[].directResponse': true,
    'http[].rewrite': true,
    'http[].timeout': true,
    'http[].retries.attempts': true,
    'http[].retries.perTryTimeout': true,
    'http[].retries.retryOn': true,
    'http[].retries.retryIgnorePreviousHosts': [true],
    'tcp[].match[].destinationSubnets': true,
    'tcp[].match[].port': true,
    'tcp[].match[].gateways': true,
    'tcp[].match[].sourceNamespace': true,
    'tcp[].match[].sourceLabels': true,
    'tcp[].route': true,
    'tls[].match[].sniHosts': true,
    'tls[].match[].destinationSubnets': true,
    'tls[].match[].port': true,
    'tls[].match[].gateways': true,
    'tls[].match[].sourceNamespace': true,
    'tls[].match[].sourceLabels': true,
    'tls[].route': true,
  },
  DestinationRule: {
    host: true,
    exportTo: true,
    workloadSelector: true,
    'subsets[].name': true,
    'subsets[].labels': true,
    ...policyFields('trafficPolicy'),
    ...policyFields('trafficPolicy.portLevelSettings[]'),
    'trafficPolicy.portLevelSettings[].port': true,
    ...policyFields('subsets[].trafficPolicy'),
    ...policyFields('subsets[].trafficPolicy.portLevelSettings[]'),
    'subsets[].trafficPolicy.portLevelSettings[].port': true,
  },
  Gateway: {
    selector: true,
    'servers[].name': true,
    'servers[].port': true,
    'servers[].hosts': true,
    'servers[].bind': true,
    'servers[].tls.mode': ['SIMPLE', 'MUTUAL', 'OPTIONAL_MUTUAL', 'PASSTHROUGH', 'ISTIO_MUTUAL'],
    'servers[].tls.credentialName': true,
    'servers[].tls.credentialNames': true,
    'servers[].tls.caCertCredentialName': true,
    ...serverFields('servers[].tls'),
    'servers[].tls.tlsCertificates[].serverCertificate': true,
    'servers[].tls.tlsCertificates[].privateKey': true,
    'servers[].tls.subjectAltNames': true,
    'servers[].tls.httpsRedirect': true,
  },
  Sidecar: {
    'workloadSelector.labels': true,
    'egress[].hosts': true,
    'egress[].port.number': true,
    'egress[].port.protocol': true,
    'egress[].port.name': true,
    'egress[].bind': true,
    'egress[].captureMode': true,
    outboundTrafficPolicy: true,
    'ingress[].port.number': true,
    'ingress[].port.protocol': true,
    'ingress[].port.name': true,
    'ingress[].bind': true,
    'ingress[].captureMode': true,
    'ingress[].defaultEndpoint': true,
    'ingress[].tls.mode': ['SIMPLE', 'MUTUAL', 'OPTIONAL_MUTUAL'],
    ...serverFields('ingress[].tls'),
    ...poolFields('ingress[].connectionPool'),
    ...poolFields('inboundConnectionPool'),
  },
  ServiceEntry: {
    hosts: true,
    addresses: true,
    ports: true,
    location: true,
    resolution: true,
    ...workloadFields('endpoints[].'),
    workloadSelector: true,
    exportTo: true,
    subjectAltNames: true,
  },
  WorkloadEntry: workloadFields(''),
  WorkloadGroup: { metadata: true, ...workloadFields('template.'), probe: true },
  PeerAuthentication: {
    selector: true,
    mtls: true,
    portLevelMtls: true,
  },
};

/** Fields of this spec that have no effect yet, each with its own path; the deepest path that says it all. */
export function unhonouredFields(kind: Kind, spec: unknown): Diagnostic[] {
  const table = honoured[kind];
  if (table === undefined) return [warning(['spec'], `${kind} has no effect yet`)];
  return findUnhonoured(table, spec, '', ['spec']);
}

function findUnhonoured(
  table: Readonly<Record<string, Honour>>,
  value: unknown,
  pattern: string,
  path: readonly PropertyKey[],
): Diagnostic[] {
  if (value === undefined || value === null) return [];
  const honour = table[pattern];
  if (honour === true) return [];
  if (honour !== undefined) {
    return honour.some((allowed) => allowed === value) ? [] : [warning(path, `${String(value)} has no effect yet`)];
  }
  const leadsOn = pattern === '' || Object.keys(table).some((key) => isBelow(key, pattern));
  if (!leadsOn) return [warning(path, 'has no effect yet')];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => findUnhonoured(table, item, `${pattern}[]`, [...path, index]));
  }
  if (typeof value !== 'object') return [warning(path, 'has no effect yet')];
  const isMap = Object.keys(table).some((key) => isBelow(key, `${pattern}{}`) || key === `${pattern}{}`);
  return Object.entries(value).flatMap(([name, field]) => {
    const next = isMap ? `${pattern}{}` : pattern === '' ? name : `${pattern}.${name}`;
    return findUnhonoured(table, field, next, [...path, name]);
  });
}

/** Whether `key` names something inside `pattern`. */
function isBelow(key: string, pattern: string): boolean {
  return key.length > pattern.length && key.startsWith(pattern) && '.[{'.includes(key.charAt(pattern.length));
}

function warning(path: readonly PropertyKey[], message: string): Diagnostic {
  return { path: renderPath(path), message, severity: 'warning' };
}
