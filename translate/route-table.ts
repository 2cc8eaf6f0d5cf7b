/** Route tables of virtual hosts that are encoded already. */
import { buildRouteTableHead, buildVirtualHost, VIRTUAL_HOSTS_FIELD } from '#envoy/index.ts';
import type { SourceRef, VirtualHost } from '#model/index.ts';
import { encode } from '#wire/index.ts';
import type { ServedResource } from '#xds/source.ts';
import { appendFields } from './concatenate.ts';
import { mergeSources } from './entry.ts';
import { clustersOfVirtualHost, sourcesOfVirtualHost } from './needs.ts';
import { hashContent, internResource, ROUTE_TYPE } from './resource.ts';

/** A virtual host as it stands in a route table. */
export interface VirtualHostPart {
  readonly host: VirtualHost;
  readonly bytes: Uint8Array;
  /** Hash of the bytes. */
  readonly version: string;
  /** Hash of name and domains, which change far less often than routes. */
  readonly claim: string;
  readonly needs: readonly string[];
  readonly sources: readonly SourceRef[];
}

/** Encodes a virtual host. */
export function buildPart(host: VirtualHost): VirtualHostPart {
  const bytes = encode('envoy.config.route.v3.VirtualHost', buildVirtualHost(host));
  return {
    host,
    bytes,
    version: hashContent(bytes),
    claim: hashContent([host.name, ...host.domains].join(' ')),
    needs: [...new Set(clustersOfVirtualHost(host))],
    sources: mergeSources(sourcesOfVirtualHost(host)),
  };
}

/**
 * Envoy refuses a whole table in which two virtual hosts share a name or a domain. The first has it; what loses all its
 * domains is left out.
 */
export function separateDomains(parts: readonly VirtualHostPart[]): readonly VirtualHostPart[] {
  const claims = hashContent(parts.map((part) => part.claim).join(' '));
  if (knownDisjoint.has(claims)) return parts;
  const separate = resolveClaims(parts);
  if (separate.length !== parts.length || separate.some((part, at) => part !== parts[at])) return separate;
  if (knownDisjoint.size >= MOST_KNOWN) knownDisjoint.clear();
  knownDisjoint.add(claims);
  return parts;
}

/** Sets of names and domains that were found to be disjoint: thousands of domains, looked at once and not per change. */
const knownDisjoint = new Set<string>();
const MOST_KNOWN = 10_000;

function resolveClaims(parts: readonly VirtualHostPart[]): readonly VirtualHostPart[] {
  const names = new Set<string>();
  const domains = new Set<string>();
  return parts.flatMap((part) => {
    const { host } = part;
    if (names.has(host.name)) return [];
    const own = host.domains.filter((domain) => !domains.has(domain));
    if (own.length === 0) return [];
    names.add(host.name);
    for (const domain of own) domains.add(domain);
    return [own.length === host.domains.length ? part : buildPart({ ...host, domains: own })];
  });
}

/**
 * A route table is half a megabyte where a virtual host is some hundred bytes, and every view has one of its own: its
 * version is made of its parts' versions, and its bytes are put together only when somebody is sent them.
 */
class ComposedRouteTable implements ServedResource {
  readonly typeUrl = ROUTE_TYPE;
  readonly name: string;
  readonly version: string;
  readonly #head: Uint8Array;
  readonly #parts: readonly VirtualHostPart[];
  #bytes: Uint8Array | undefined;
  #needs: readonly string[] | undefined;

  constructor(name: string, head: Uint8Array, parts: readonly VirtualHostPart[]) {
    this.name = name;
    this.#head = head;
    this.#parts = parts;
    this.version = hashContent([hashContent(head), ...parts.map((part) => part.version)].join(' '));
  }

  get bytes(): Uint8Array {
    this.#bytes ??= appendFields(
      this.#head,
      VIRTUAL_HOSTS_FIELD,
      this.#parts.map((part) => part.bytes),
    );
    return this.#bytes;
  }

  get needs(): readonly string[] {
    this.#needs ??= [...new Set(this.#parts.flatMap((part) => part.needs))].sort();
    return this.#needs;
  }
}

/** The shared instance of a route table; the order of its parts is the order of its virtual hosts. */
export function assembleRouteTable(
  name: string,
  parts: readonly VirtualHostPart[],
  matchesPort = false,
): ServedResource {
  const head = encode('envoy.config.route.v3.RouteConfiguration', buildRouteTableHead(name, matchesPort));
  return internResource(new ComposedRouteTable(name, head, separateDomains(parts)));
}
