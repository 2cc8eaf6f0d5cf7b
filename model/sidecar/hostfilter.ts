/**
 * Which services of one namespace are imported by wildcards, as part of a slice's key, so that all views that import the
 * same part of a namespace share its slice. Hosts that are named one by one need no slice.
 */
import { hostWithin, intersectHosts, isWildcard } from '../hosts.ts';
import { parseServiceId } from '../keys.ts';
import { type EgressHosts, isIn } from './hosts.ts';

/** The ports that are imported of a service. */
export type PortSet = 'all' | readonly number[];

interface Alternative {
  readonly pattern: string;
  /** Hosts within the pattern that are left out. */
  readonly except: readonly string[];
  /** Undefined: all. */
  readonly port?: number;
}

/** What one listener imports; of each service only `port`, where it is given. */
export interface PortImport {
  readonly hosts: EgressHosts;
  readonly port?: number;
}

/** What these imports take of a namespace by wildcards: undefined for nothing, `''` for all. */
export function renderHostFilter(imports: readonly PortImport[], namespace: string): string | undefined {
  const alternatives = withoutCovered(imports.flatMap((one) => alternativesOf(one, namespace)));
  if (alternatives.length === 0) return undefined;
  return alternatives.map(renderAlternative).sort().join(',').replace(/^\*$/, '');
}

/** The ports of a service that a filter lets through; undefined when it is none of its services. */
export type HostFilter = (hostname: string) => PortSet | undefined;

export function parseHostFilter(text: string): HostFilter {
  if (text === '') return () => 'all';
  const alternatives = text.split(',').map(parseAlternative);
  return (hostname) => {
    const ports = new Set<number>();
    for (const { pattern, except, port } of alternatives) {
      if (!hostWithin(hostname, pattern) || except.some((host) => hostWithin(hostname, host))) continue;
      if (port === undefined) return 'all';
      ports.add(port);
    }
    return ports.size === 0 ? undefined : [...ports].sort((a, b) => a - b);
  };
}

/** The ports of a service that wildcards import. */
export function portsImported(imports: readonly PortImport[], id: string): PortSet | undefined {
  const { namespace, hostname } = parseServiceId(id);
  const filter = renderHostFilter(imports, namespace);
  return filter === undefined ? undefined : parseHostFilter(filter)(hostname);
}

export function unitePorts(a: PortSet, b: PortSet): PortSet {
  return a === 'all' || b === 'all' ? 'all' : [...new Set([...a, ...b])].sort((x, y) => x - y);
}

function alternativesOf({ hosts, port }: PortImport, namespace: string): readonly Alternative[] {
  const excluded = hosts.excluded.filter((pattern) => isIn(pattern, namespace)).map(({ host }) => host);
  return hosts.imported
    .filter((pattern) => isWildcard(pattern.host) && isIn(pattern, namespace))
    .filter(({ host }) => !excluded.some((wide) => hostWithin(host, wide)))
    .map(({ host }) => ({
      pattern: host,
      except: withoutNarrower(excluded.filter((narrow) => hostWithin(narrow, host))),
      ...(port === undefined ? {} : { port }),
    }));
}

function withoutNarrower(hosts: readonly string[]): readonly string[] {
  const unique = [...new Set(hosts)].sort();
  return unique.filter((host) => !unique.some((wide) => wide !== host && hostWithin(host, wide)));
}

/** Leaves out what another alternative takes anyway, so that what is imported alike is written alike. */
function withoutCovered(alternatives: readonly Alternative[]): readonly Alternative[] {
  return alternatives.filter(
    (narrow, at) =>
      !alternatives.some(
        (wide, other) => other !== at && covers(wide, narrow) && (other < at || !covers(narrow, wide)),
      ),
  );
}

function covers(wide: Alternative, narrow: Alternative): boolean {
  return (
    hostWithin(narrow.pattern, wide.pattern) &&
    (wide.port === undefined || wide.port === narrow.port) &&
    wide.except.every(
      (host) =>
        intersectHosts(host, narrow.pattern) === undefined || narrow.except.some((known) => hostWithin(host, known)),
    )
  );
}

/** `pattern+excluded+excluded:port`. */
function renderAlternative({ pattern, except, port }: Alternative): string {
  return `${[pattern, ...except].join('+')}${port === undefined ? '' : `:${port}`}`;
}

function parseAlternative(text: string): Alternative {
  const [hosts = '', port] = text.split(':');
  const [pattern = '', ...except] = hosts.split('+');
  return { pattern, except, ...(port === undefined ? {} : { port: Number(port) }) };
}
