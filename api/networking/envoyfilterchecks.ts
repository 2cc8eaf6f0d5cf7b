/** What an EnvoyFilter must be besides its schema; the patch itself is checked where Envoy's messages are known. */
import type { Diagnostic } from '../resource.ts';
import { each, error, errorIf, type Path, warningIf } from '../schema/findings.ts';
import { checkExpression } from '../shared/expression.ts';
import { checkSelector } from '../shared/labels.ts';
import type { EnvoyConfigObjectMatch, EnvoyConfigObjectPatch, EnvoyFilterSpec } from './envoyfilter.ts';

type ApplyTo = NonNullable<EnvoyConfigObjectPatch['applyTo']>;
type ObjectMatch = 'listener' | 'routeConfiguration' | 'cluster';

/** What kind of object a match must speak of, by what is patched. */
const matchOf: Partial<Readonly<Record<ApplyTo, ObjectMatch>>> = {
  LISTENER: 'listener',
  FILTER_CHAIN: 'listener',
  NETWORK_FILTER: 'listener',
  HTTP_FILTER: 'listener',
  ROUTE_CONFIGURATION: 'routeConfiguration',
  VIRTUAL_HOST: 'routeConfiguration',
  HTTP_ROUTE: 'routeConfiguration',
  CLUSTER: 'cluster',
};

/** Istio's own filters, which stock Envoy does not contain. */
const foreignFilters = new Set(['istio.stats', 'istio.alpn', 'istio.metadata_exchange', 'istio_authn']);

const httpConnectionManagers = ['envoy.filters.network.http_connection_manager', 'envoy.http_connection_manager'];

export function checkEnvoyFilter(spec: EnvoyFilterSpec): Diagnostic[] {
  const { workloadSelector } = spec;
  const path: Path = ['spec'];
  return [
    ...checkSelector(workloadSelector?.labels, workloadSelector !== undefined, [...path, 'workloadSelector', 'labels']),
    ...each(spec.configPatches, [...path, 'configPatches'], checkPatch),
  ];
}

function checkPatch(entry: EnvoyConfigObjectPatch, path: Path): Diagnostic[] {
  const { applyTo = 'INVALID', match, patch } = entry;
  if (match?.context === 'WAYPOINT') return [];
  if (applyTo === 'INVALID') return [error([...path, 'applyTo'], 'is required')];
  if (patch === undefined) return [error([...path, 'patch'], 'is required')];
  const { operation = 'INVALID', value } = patch;
  if (operation === 'INVALID') return [error([...path, 'patch', 'operation'], 'is required')];
  return [
    ...errorIf(
      operation !== 'REMOVE' && value === undefined,
      [...path, 'patch', 'value'],
      `is required for ${operation}`,
    ),
    ...checkVersion(match, [...path, 'match', 'proxy', 'proxyVersion']),
    ...checkMatchKind(applyTo, match, [...path, 'match']),
    ...checkFilterMatch(applyTo, match, [...path, 'match', 'listener', 'filterChain', 'filter']),
  ];
}

function checkVersion(match: EnvoyConfigObjectMatch | undefined, path: Path): Diagnostic[] {
  const version = match?.proxy?.proxyVersion ?? '';
  if (version.length > 1024) return warningIf(true, path, 'is longer than 1024 characters and is ignored');
  return version === '' ? [] : checkExpression(version, path);
}

function checkMatchKind(applyTo: ApplyTo, match: EnvoyConfigObjectMatch | undefined, path: Path): Diagnostic[] {
  const wanted = matchOf[applyTo];
  if (wanted === undefined || match === undefined) return [];
  const kinds: readonly ObjectMatch[] = ['listener', 'routeConfiguration', 'cluster'];
  return kinds
    .filter((kind) => kind !== wanted && match[kind] !== undefined)
    .map((kind) => error([...path, kind], `${applyTo} is matched by ${wanted}`));
}

function checkFilterMatch(applyTo: ApplyTo, match: EnvoyConfigObjectMatch | undefined, path: Path): Diagnostic[] {
  const filter = match?.listener?.filterChain?.filter;
  if (filter === undefined || matchOf[applyTo] !== 'listener') return [];
  const { name = '', subFilter } = filter;
  if (name === '') return [error([...path, 'name'], 'is required')];
  const unused = applyTo === 'LISTENER' || applyTo === 'FILTER_CHAIN';
  const foreign = [name, subFilter?.name ?? ''].find((candidate) => foreignFilters.has(candidate));
  return [
    ...warningIf(unused, path, `has no effect for ${applyTo}`),
    ...warningIf(foreign !== undefined, path, `${foreign} does not exist here: the proxy is stock Envoy`),
    ...(subFilter === undefined ? [] : checkSubFilter(applyTo, name, subFilter.name ?? '', [...path, 'subFilter'])),
  ];
}

function checkSubFilter(applyTo: ApplyTo, filter: string, name: string, path: Path): Diagnostic[] {
  if (applyTo !== 'HTTP_FILTER') return [error(path, 'goes with applyTo HTTP_FILTER only')];
  return [
    ...errorIf(!httpConnectionManagers.includes(filter), path, `needs filter.name ${httpConnectionManagers[0]}`),
    ...errorIf(name === '', [...path, 'name'], 'is required'),
  ];
}
