/** What a DestinationRule must be besides its schema. Source: the rules of Istio's admission. */
import type { Diagnostic, ObjectMeta } from '../../resource.ts';
import { duplicates, each, error, errorIf, optionally, type Path } from '../../schema/findings.ts';
import { checkPort } from '../../shared/addresses.ts';
import { checkExportTo } from '../../shared/exportto.ts';
import { checkHostName, checkWildcardHost, isAddress, isDnsLabel } from '../../shared/hosts.ts';
import { checkLabels, checkSelector } from '../../shared/labels.ts';
import { checkConnectionPool, checkOutlierDetection } from './connectionchecks.ts';
import { checkLoadBalancer } from './loadbalancerchecks.ts';
import type { ClientTLSSettings, DestinationRuleSpec, PortTrafficPolicy, TrafficPolicy } from './schema.ts';

export function checkDestinationRule(spec: DestinationRuleSpec, metadata: ObjectMeta): Diagnostic[] {
  const path: Path = ['spec'];
  return [
    ...checkWildcardHost(spec.host, [...path, 'host']),
    ...optionally(spec.trafficPolicy, [...path, 'trafficPolicy'], checkTrafficPolicy),
    ...duplicates(
      spec.subsets,
      [...path, 'subsets'],
      (subset) => subset.name,
      (name) => `the subset ${name} is declared twice`,
      ['name'],
    ),
    ...each(spec.subsets, [...path, 'subsets'], (subset, at) => [
      ...errorIf(!isDnsLabel(subset.name), [...at, 'name'], `"${subset.name}" is no subset name`),
      ...checkLabels(subset.labels, [...at, 'labels']),
      ...optionally(subset.trafficPolicy, [...at, 'trafficPolicy'], checkTrafficPolicy),
    ]),
    ...checkExportTo(spec.exportTo, metadata.namespace, [...path, 'exportTo']),
    ...checkSelectedExport(spec, metadata, path),
    ...checkSelector(spec.workloadSelector?.matchLabels, spec.workloadSelector !== undefined, [
      ...path,
      'workloadSelector',
      'matchLabels',
    ]),
  ];
}

/** A rule for some clients only is for clients of its own namespace. */
function checkSelectedExport(spec: DestinationRuleSpec, { namespace }: ObjectMeta, path: Path): Diagnostic[] {
  if (spec.workloadSelector === undefined) return [];
  const elsewhere = (spec.exportTo ?? []).some((entry) => entry !== '.' && entry !== namespace);
  return errorIf(elsewhere, [...path, 'exportTo'], 'must be . where a workloadSelector is set');
}

function checkTrafficPolicy(policy: TrafficPolicy, path: Path): Diagnostic[] {
  const empty = Object.values(policy).every((field) => field === undefined);
  const { tunnel, proxyProtocol } = policy;
  return [
    ...errorIf(empty, path, 'is empty'),
    ...errorIf(
      tunnel !== undefined && proxyProtocol !== undefined,
      [...path, 'proxyProtocol'],
      'cannot go with tunnel',
    ),
    ...checkPolicyParts(policy, path),
    ...optionally(tunnel, [...path, 'tunnel'], checkTunnel),
    ...each(policy.portLevelSettings, [...path, 'portLevelSettings'], checkPortPolicy),
  ];
}

/** What a whole host and a single port may both say. */
function checkPolicyParts(policy: TrafficPolicy | PortTrafficPolicy, path: Path): Diagnostic[] {
  const { loadBalancer, connectionPool, outlierDetection, tls } = policy;
  return [
    ...optionally(loadBalancer, [...path, 'loadBalancer'], (settings, at) =>
      checkLoadBalancer(settings, at, outlierDetection !== undefined),
    ),
    ...optionally(connectionPool, [...path, 'connectionPool'], checkConnectionPool),
    ...optionally(outlierDetection, [...path, 'outlierDetection'], checkOutlierDetection),
    ...optionally(tls, [...path, 'tls'], checkClientTls),
  ];
}

function checkPortPolicy(policy: PortTrafficPolicy, path: Path): Diagnostic[] {
  const { port, loadBalancer, connectionPool, outlierDetection, tls } = policy;
  return [
    ...errorIf(port === undefined, [...path, 'port'], 'is required'),
    ...errorIf((loadBalancer ?? connectionPool ?? outlierDetection ?? tls) === undefined, path, 'sets nothing'),
    ...checkPolicyParts(policy, path),
  ];
}

function checkTunnel(
  { protocol, targetHost, targetPort }: NonNullable<TrafficPolicy['tunnel']>,
  path: Path,
): Diagnostic[] {
  const known = !protocol || protocol === 'CONNECT' || protocol === 'POST';
  return [
    ...errorIf(!known, [...path, 'protocol'], 'must be CONNECT or POST'),
    ...(isAddress(targetHost) ? [] : checkHostName(targetHost, [...path, 'targetHost'])),
    ...checkPort(targetPort, [...path, 'targetPort']),
  ];
}

/** TLS towards a destination: files or a credential, not both; MUTUAL needs a key and a certificate. */
export function checkClientTls(tls: ClientTLSSettings, path: Path): Diagnostic[] {
  const { mode = 'DISABLE', credentialName, clientCertificate, privateKey, caCertificates, caCrl } = tls;
  const external = mode === 'SIMPLE' || mode === 'MUTUAL';
  const files = clientCertificate || privateKey || caCertificates || caCrl;
  if (external && credentialName) {
    return [
      ...checkUnverified(tls, path),
      ...errorIf(Boolean(files), [...path, 'credentialName'], 'cannot go with certificate files'),
    ];
  }
  return [
    ...checkUnverified(tls, path),
    ...(mode === 'MUTUAL' && !clientCertificate
      ? [error([...path, 'clientCertificate'], 'is required for MUTUAL')]
      : []),
    ...(mode === 'MUTUAL' && !privateKey ? [error([...path, 'privateKey'], 'is required for MUTUAL')] : []),
  ];
}

/** Roots and names beside "do not verify" would be believed to be checked. */
function checkUnverified(tls: ClientTLSSettings, path: Path): Diagnostic[] {
  if (!tls.insecureSkipVerify || (tls.mode !== 'SIMPLE' && tls.mode !== 'MUTUAL')) return [];
  const verified =
    tls.caCertificates || tls.subjectAltNames !== undefined || (tls.mode === 'SIMPLE' && tls.credentialName);
  return errorIf(Boolean(verified), [...path, 'insecureSkipVerify'], 'cannot go with roots or names to verify');
}
