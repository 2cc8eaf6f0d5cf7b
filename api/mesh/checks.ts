/** What makes no sense in a mesh configuration although every field has the right type. */
import type { Diagnostic } from '../resource.ts';
import { countSet } from '../schema/rule.ts';
import { checkAccessLog } from './accesslog.ts';
import { providerNames } from './extensionprovider.ts';
import type { LabelSelector, MeshConfig } from './meshconfig.ts';

export function checkMeshConfig(config: MeshConfig): Diagnostic[] {
  return [
    ...checkPorts(config),
    ...checkProviders(config),
    ...checkTrustDomain(config),
    ...checkDiscoverySelectors(config),
    ...checkEntryVisibility(config),
    ...checkAccessLog(config),
  ];
}

function checkPorts(config: MeshConfig): Diagnostic[] {
  const ports = {
    proxyListenPort: config.proxyListenPort,
    proxyInboundListenPort: config.proxyInboundListenPort,
    'defaultConfig.proxyAdminPort': config.defaultConfig?.proxyAdminPort,
    'defaultConfig.statusPort': config.defaultConfig?.statusPort,
  };
  return Object.entries(ports)
    .filter(([, port]) => port !== undefined && (port < 1 || port > 65_535))
    .map(([path]) => error(path, 'must be a port between 1 and 65535'));
}

/** Stock Envoy has no such tracers; the provider is accepted and does nothing. */
const withoutEffect = ['lightstep', 'stackdriver', 'opencensus'] as const;

function checkProviders(config: MeshConfig): Diagnostic[] {
  const providers = config.extensionProviders ?? [];
  return providers.flatMap((provider, index) => {
    const path = `extensionProviders[${index}]`;
    const found: Diagnostic[] = [];
    if (!provider.name) found.push(error(`${path}.name`, 'is required'));
    if (countSet(provider, providerNames) === 0) found.push(error(path, 'names no provider'));
    if (providers.findIndex((other) => other.name === provider.name) !== index) {
      found.push(error(`${path}.name`, `${provider.name} is defined twice`));
    }
    return found;
  });
}

/** What may stand between `spiffe://` and the path. */
const trustDomainPattern = /^[a-z0-9._-]{1,255}$/;

function checkTrustDomain({ trustDomain }: MeshConfig): Diagnostic[] {
  if (trustDomain === '') return [error('trustDomain', 'must not be empty')];
  if (trustDomain === undefined || trustDomainPattern.test(trustDomain)) return [];
  return [error('trustDomain', 'must consist of lower case letters, digits, dots, dashes and underscores')];
}

function checkDiscoverySelectors(config: MeshConfig): Diagnostic[] {
  return (config.discoverySelectors ?? []).flatMap((selector, at) =>
    checkExpressions(selector, `discoverySelectors[${at}]`),
  );
}

function checkEntryVisibility({ serviceEntryVisibility }: MeshConfig): Diagnostic[] {
  return (serviceEntryVisibility?.policies ?? []).flatMap(({ matchingRules = [] }, at) =>
    matchingRules.flatMap(({ namespaceSelector }, rule) =>
      namespaceSelector === undefined
        ? []
        : checkExpressions(
            namespaceSelector,
            `serviceEntryVisibility.policies[${at}].matchingRules[${rule}].namespaceSelector`,
          ),
    ),
  );
}

function checkExpressions(selector: LabelSelector, at: string): Diagnostic[] {
  return (selector.matchExpressions ?? []).flatMap((expression, item) => {
    const path = `${at}.matchExpressions[${item}]`;
    const values = expression.values ?? [];
    if (!expression.key) return [error(`${path}.key`, 'is required')];
    switch (expression.operator) {
      case 'In':
      case 'NotIn':
        return values.length > 0 ? [] : [error(`${path}.values`, `${expression.operator} needs values`)];
      case 'Exists':
      case 'DoesNotExist':
        return values.length === 0 ? [] : [error(`${path}.values`, `${expression.operator} takes no values`)];
      default:
        return [error(`${path}.operator`, 'must be one of In, NotIn, Exists, DoesNotExist')];
    }
  });
}

/** Providers of this configuration that are accepted but cannot work on stock Envoy. */
export function ineffectiveProviders(config: MeshConfig): Diagnostic[] {
  return (config.extensionProviders ?? []).flatMap((provider, index) =>
    withoutEffect
      .filter((name) => provider[name] !== undefined)
      .map((name) => ({
        path: `extensionProviders[${index}].${name}`,
        message: 'has no effect: stock Envoy does not contain it',
        severity: 'warning' as const,
      })),
  );
}

function error(path: string, message: string): Diagnostic {
  return { path, message, severity: 'error' };
}
