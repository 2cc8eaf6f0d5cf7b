/** What a VirtualService must be besides its schema. Source: the rules of Istio's admission. */
import type { Diagnostic, ObjectMeta } from '../../resource.ts';
import { duplicates, each, eachEntry, error, errorIf, optionally, type Path } from '../../schema/findings.ts';
import { checkBlock, checkPort } from '../../shared/addresses.ts';
import { checkExportTo } from '../../shared/exportto.ts';
import { isClaim } from '../../shared/headers.ts';
import { checkWildcardHost, isAddress, isWildcardHost } from '../../shared/hosts.ts';
import { HostSet } from '../../shared/hostset.ts';
import { checkLabels } from '../../shared/labels.ts';
import { checkGatewayNames, checkRouteDestinations } from './destinationchecks.ts';
import { checkHttpRoute } from './httpchecks.ts';
import type { L4MatchAttributes, TCPRoute, TLSMatchAttributes, TLSRoute, VirtualServiceSpec } from './schema.ts';

export function checkVirtualService(spec: VirtualServiceSpec, metadata: ObjectMeta): Diagnostic[] {
  const path: Path = ['spec'];
  const delegated = (spec.hosts ?? []).length === 0;
  const hosts = new HostSet(spec.hosts ?? []);
  return [
    ...(delegated ? checkDelegated(spec, path) : checkHosts(spec, [...path, 'hosts'])),
    ...checkGatewayNames(spec.gateways, [...path, 'gateways']),
    ...checkHasRoutes(spec, path),
    ...checkClaimRoutes(spec, path),
    ...each(spec.http, [...path, 'http'], (route, at) => checkHttpRoute(route, at, delegated)),
    ...each(spec.tls, [...path, 'tls'], (route, at) => checkTlsRoute(route, at, spec, hosts)),
    ...each(spec.tcp, [...path, 'tcp'], checkTcpRoute),
    ...checkExportTo(spec.exportTo, metadata.namespace, [...path, 'exportTo']),
  ];
}

/** Without hosts it can only be the delegate of another one, and delegates hold HTTP routes only. */
function checkDelegated(spec: VirtualServiceSpec, path: Path): Diagnostic[] {
  const forbidden = (['gateways', 'tls', 'tcp'] as const).filter((field) => (spec[field] ?? []).length > 0);
  return forbidden.map((field) => error([...path, field], 'needs hosts: a delegate holds HTTP routes only'));
}

function checkHosts(spec: VirtualServiceSpec, path: Path): Diagnostic[] {
  const hosts = spec.hosts ?? [];
  const valid = hosts.every((host) => isWildcardHost(host) || isAddress(host) || isGatewaySni(host, spec));
  return [
    ...each(hosts, path, (host, at) => {
      if (isAddress(host) || isGatewaySni(host, spec)) return [];
      const everything = host === '*' && !appliesToGateway(spec);
      return [
        ...checkWildcardHost(host, at),
        ...errorIf(everything, at, '* cannot be used in the mesh, only at gateways'),
      ];
    }),
    ...(valid ? checkOverlap(hosts, path) : []),
  ];
}

/** The names that a gateway in front of another network passes through: `outbound_.80_._.reviews.default.svc`. */
function isGatewaySni(host: string, spec: VirtualServiceSpec): boolean {
  return (
    !(spec.gateways ?? []).includes('mesh') &&
    (spec.tls ?? []).length > 0 &&
    /^outbound_\.\d[^_]*_\.[^_]*_\..*[a-zA-Z]/.test(host)
  );
}

function checkOverlap(hosts: readonly string[], path: Path): Diagnostic[] {
  const all = new HostSet(hosts);
  const twice = duplicates(
    hosts,
    path,
    (host) => host,
    (host) => `${host} is listed twice`,
  );
  const within = each(hosts, path, (host, at) => {
    const other = all.findOther(host);
    return errorIf(other !== undefined, at, `${host} lies within ${other}`);
  });
  return [...twice, ...within];
}

function appliesToGateway({ gateways = [] }: VirtualServiceSpec): boolean {
  return gateways.length > 0 && !gateways.includes('mesh');
}

function checkHasRoutes({ http, tls, tcp }: VirtualServiceSpec, path: Path): Diagnostic[] {
  const count = (http ?? []).length + (tls ?? []).length + (tcp ?? []).length;
  return errorIf(count === 0, path, 'one of http, tls and tcp must hold a route');
}

/** Claims of a token are known at gateways only, where tokens are checked before routing. */
function checkClaimRoutes(spec: VirtualServiceSpec, path: Path): Diagnostic[] {
  if (appliesToGateway(spec)) return [];
  const message = 'a claim can be matched at a gateway only';
  const find = (headers: Readonly<Record<string, unknown>> | undefined, at: Path) =>
    eachEntry(headers, at, (name, _, here) => errorIf(isClaim(name), here, message));
  return each(spec.http, [...path, 'http'], (route, at) =>
    each(route.match, [...at, 'match'], (match, here) => [
      ...find(match.headers, [...here, 'headers']),
      ...find(match.withoutHeaders, [...here, 'withoutHeaders']),
    ]),
  );
}

function checkTlsRoute(route: TLSRoute, path: Path, spec: VirtualServiceSpec, hosts: HostSet): Diagnostic[] {
  return [
    ...errorIf(route.match.length === 0, [...path, 'match'], 'at least one match is required'),
    ...each(route.match, [...path, 'match'], (match, at) => [
      ...errorIf(match.sniHosts.length === 0, [...at, 'sniHosts'], 'at least one server name is required'),
      ...each(match.sniHosts, [...at, 'sniHosts'], (host, here) => checkSniHost(host, here, spec, hosts)),
      ...checkConnectionMatch(match, at),
    ]),
    ...errorIf((route.route ?? []).length === 0, [...path, 'route'], 'a destination is required'),
    ...checkRouteDestinations(route.route, [...path, 'route']),
  ];
}

function checkSniHost(host: string, path: Path, spec: VirtualServiceSpec, hosts: HostSet): Diagnostic[] {
  if (isAddress(host)) return [];
  if (!isGatewaySni(host, spec)) {
    const faults = checkWildcardHost(host, path);
    if (faults.length > 0) return faults;
  }
  return errorIf(hosts.findCover(host) === undefined, path, `${host} is not within the hosts of the resource`);
}

function checkTcpRoute(route: TCPRoute, path: Path): Diagnostic[] {
  return [
    ...each(route.match, [...path, 'match'], checkConnectionMatch),
    ...errorIf((route.route ?? []).length === 0, [...path, 'route'], 'a destination is required'),
    ...checkRouteDestinations(route.route, [...path, 'route']),
  ];
}

function checkConnectionMatch(match: L4MatchAttributes | TLSMatchAttributes, path: Path): Diagnostic[] {
  return [
    ...each(match.destinationSubnets, [...path, 'destinationSubnets'], checkBlock),
    ...optionally(match.port || undefined, [...path, 'port'], checkPort),
    ...checkLabels(match.sourceLabels, [...path, 'sourceLabels']),
    ...checkGatewayNames(match.gateways, [...path, 'gateways']),
  ];
}
