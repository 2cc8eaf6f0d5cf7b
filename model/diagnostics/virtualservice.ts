import type { Reader } from '#graph/types.ts';
import { findService } from '../discovery/services.ts';
import { chooseRule } from '../frontend/istio/destinationrules.ts';
import { namesClaim, namesGateways, type StaticMatch } from '../frontend/istio/httpmatch.ts';
import { claimants, type VirtualServiceConfig } from '../frontend/istio/virtualservices.ts';
import { isPartialWildcard, resolveHost } from '../hosts.ts';
import { boundToMesh, namesCallers, resolveGateway } from '../inputs.ts';
import { renderObjectKey } from '../keys.ts';
import type { HTTPRouteDestination } from '../specs.ts';
import type { StatusFact } from '../types/facts.ts';
import { contends } from './contention.ts';
import { conflicted, type DiagnosticParts, notHonoured, unresolved } from './parts.ts';

type Destination = HTTPRouteDestination['destination'];

export function virtualServiceFacts(reader: Reader, parts: DiagnosticParts, key: string): readonly StatusFact[] {
  const config = reader.get(parts.inputs.virtualServices, key);
  if (config === undefined) return [];
  return [
    ...hostFacts(reader, parts, config),
    ...gatewayFacts(reader, parts, config),
    ...limitFacts(config),
    ...callerFacts(config),
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
    const claims = claimants(reader, parts.virtualServices, host, config.namespace);
    const own = claims.findIndex(({ uid }) => uid === config.uid);
    const rival = (own === -1 ? claims : claims.slice(0, own)).find(({ spec }) => contends(spec, config.spec));
    if (rival === undefined) return [];
    const owner = `${rival.namespace}/${rival.name}`;
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

/** What it asks for that proxies cannot do; such a match takes nothing. */
function limitFacts({ spec }: VirtualServiceConfig): readonly StatusFact[] {
  const claims = (spec.http ?? []).flatMap(({ match = [] }, at) =>
    match.flatMap((one, index) =>
      (['headers', 'withoutHeaders'] as const).flatMap((field) =>
        Object.keys(one[field] ?? {})
          .filter(namesClaim)
          .map((name) =>
            notHonoured(`spec.http[${at}].match[${index}].${field}`, `${name}: claims of tokens are not known`),
          ),
      ),
    ),
  );
  const servers = (spec.tls ?? []).flatMap(({ match }, at) =>
    match.flatMap(({ sniHosts }, index) =>
      sniHosts.flatMap((host, place) =>
        isPartialWildcard(host)
          ? [
              notHonoured(
                `spec.tls[${at}].match[${index}].sniHosts[${place}]`,
                'TLS servers are told apart by whole labels',
              ),
            ]
          : [],
      ),
    ),
  );
  return [...claims, ...servers];
}

/** What matches say of callers that has no effect, as in Istio. */
function callerFacts({ spec }: VirtualServiceConfig): readonly StatusFact[] {
  return (['http', 'tls', 'tcp'] as const).flatMap((kind) =>
    (spec[kind] ?? []).flatMap(({ match = [] }: { readonly match?: readonly CallerMatch[] | undefined }, at) =>
      match.flatMap((one, index) => {
        const reason = namesCallers(one) ? ignoredCallers(kind, one, spec) : undefined;
        if (reason === undefined) return [];
        const field = one.sourceNamespace ? 'sourceNamespace' : 'sourceLabels';
        return [notHonoured(`spec.${kind}[${at}].match[${index}].${field}`, reason)];
      }),
    ),
  );
}

type CallerMatch = Pick<StaticMatch, 'gateways' | 'sourceNamespace' | 'sourceLabels'>;

function ignoredCallers(
  kind: 'http' | 'tls' | 'tcp',
  match: CallerMatch,
  spec: VirtualServiceConfig['spec'],
): string | undefined {
  if (kind === 'http') return namesGateways(match) ? 'the gateways that the match names stand in its place' : undefined;
  const inMesh = boundToMesh(spec) && (!namesGateways(match) || match.gateways?.includes('mesh'));
  return inMesh ? undefined : 'gateways do not tell who connects';
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
