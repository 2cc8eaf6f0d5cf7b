import type { Reader } from '#graph/types.ts';
import { findService } from '../discovery/services.ts';
import { chooseRule } from '../frontend/istio/destinationrules.ts';
import { claimants, type VirtualServiceConfig } from '../frontend/istio/virtualservices.ts';
import { resolveHost } from '../hosts.ts';
import { boundToMesh, resolveGateway } from '../inputs.ts';
import { renderObjectKey } from '../keys.ts';
import type { HTTPRouteDestination } from '../specs.ts';
import type { StatusFact } from '../types/facts.ts';
import { conflicted, type DiagnosticParts, unresolved } from './parts.ts';

type Destination = HTTPRouteDestination['destination'];

export function virtualServiceFacts(reader: Reader, parts: DiagnosticParts, key: string): readonly StatusFact[] {
  const config = reader.get(parts.inputs.virtualServices, key);
  if (config === undefined) return [];
  return [
    ...hostFacts(reader, parts, config),
    ...gatewayFacts(reader, parts, config),
    ...destinationsOf(config).flatMap(([path, destination]) =>
      destinationFacts(reader, parts, config.namespace, path, destination),
    ),
  ];
}

/** Another resource may have an older claim to a host. */
function hostFacts(reader: Reader, parts: DiagnosticParts, config: VirtualServiceConfig): readonly StatusFact[] {
  if (!boundToMesh(config.spec)) return [];
  return (config.spec.hosts ?? []).flatMap((text, at) => {
    const host = resolveHost(text, config.namespace, parts.inputs.domainSuffix);
    const [inForce] = claimants(reader, parts.virtualServices, host, config.namespace);
    if (inForce === undefined || inForce.uid === config.uid) return [];
    const owner = `${inForce.namespace}/${inForce.name}`;
    return [conflicted(`spec.hosts[${at}]`, `sidecars route ${host} by the older VirtualService ${owner}`)];
  });
}

function gatewayFacts(reader: Reader, parts: DiagnosticParts, config: VirtualServiceConfig): readonly StatusFact[] {
  return (config.spec.gateways ?? []).flatMap((text, at) => {
    if (text === 'mesh') return [];
    const [namespace = '', name = ''] = resolveGateway(text, config.namespace).split('/');
    const known = reader.get(parts.inputs.gateways, renderObjectKey(config.cluster, namespace, name));
    return known === undefined ? [unresolved(`spec.gateways[${at}]`, `there is no Gateway ${namespace}/${name}`)] : [];
  });
}

/** Every destination of the resource with its path. */
function destinationsOf({ spec }: VirtualServiceConfig): readonly (readonly [string, Destination])[] {
  const found: [string, Destination][] = [];
  for (const protocol of ['http', 'tls', 'tcp'] as const) {
    for (const [at, route] of (spec[protocol] ?? []).entries()) {
      for (const [index, { destination }] of (route.route ?? []).entries()) {
        found.push([`spec.${protocol}[${at}].route[${index}].destination`, destination]);
      }
    }
  }
  return found;
}

/** What is wrong with a destination that a resource of a namespace names. */
export function destinationFacts(
  reader: Reader,
  parts: DiagnosticParts,
  namespace: string,
  path: string,
  destination: Destination,
): readonly StatusFact[] {
  const host = resolveHost(destination.host, namespace, parts.inputs.domainSuffix);
  const service = findService(reader, parts.services, host, namespace);
  if (service === undefined) return [unresolved(`${path}.host`, `${host} is no service that ${namespace} sees`)];
  const facts: StatusFact[] = [];
  const port = destination.port?.number;
  if (port && !service.ports.some((served) => served.port === port)) {
    const served = service.ports.map((candidate) => candidate.port).join(', ');
    facts.push(unresolved(`${path}.port.number`, `${host} has no port ${port}, it has ${served}`));
  }
  if (destination.subset) {
    const { rootNamespace } = reader.read(parts.settings, '');
    const client = { namespace, labels: {} };
    const rule = chooseRule(reader, parts.rules, rootNamespace, service, client);
    const { subsets } = reader.read(parts.rules.mergedRule, rule);
    if (!subsets.some((subset) => subset.name === destination.subset)) {
      const reason =
        rule === ''
          ? `no DestinationRule is in force for ${host}`
          : `its DestinationRule ${nameOf(rule)} has none of that name`;
      facts.push(unresolved(`${path}.subset`, `there is no subset ${destination.subset}: ${reason}`));
    }
  }
  return facts;
}

const nameOf = (rule: string): string => (rule.split(',')[0] ?? '').split('/').slice(1).join('/');
