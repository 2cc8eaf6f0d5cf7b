/** Route tables of virtual hosts that are encoded already. */
import {
  buildNamelessVirtualHost,
  buildRouteTableHead,
  buildSplitRouteTable,
  renderSplitHostName,
  VIRTUAL_HOST_NAME_FIELD,
  VIRTUAL_HOSTS_FIELD,
} from '#envoy/index.ts';
import type { SourceRef, VirtualHost } from '#model/index.ts';
import { encode } from '#wire/index.ts';
import type { ServedResource } from '#xds/source.ts';
import { appendFields } from './concatenate.ts';
import { clustersOfVirtualHost, sourcesOfVirtualHost } from './needs.ts';
import { detachBytes, encodeResource, hashContent, internResource, ROUTE_TYPE, VIRTUAL_HOST_TYPE } from './resource.ts';
import { mergeSources } from './sources.ts';

/** A virtual host, to stand in a route table or to be a resource of its own. */
export interface VirtualHostPart {
  readonly host: VirtualHost;
  /** Encoded, but for its name. */
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
  const bytes = detachBytes(encode('envoy.config.route.v3.VirtualHost', buildNamelessVirtualHost(host)));
  return {
    host,
    bytes,
    version: hashContent(appendName(bytes, host.name)),
    claim: hashContent([host.name, ...host.domains].join(' ')),
    needs: [...new Set(clustersOfVirtualHost(host))],
    sources: mergeSources(sourcesOfVirtualHost(host)),
  };
}

function appendName(nameless: Uint8Array, name: string): Uint8Array {
  return appendFields(nameless, VIRTUAL_HOST_NAME_FIELD, [Buffer.from(name)]);
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
  rememberDisjoint(claims);
  return parts;
}

/** Sets of names and domains that were found to be disjoint: thousands of domains, looked at once and not per change. */
const knownDisjoint = new Set<string>();
const MOST_KNOWN = 10_000;

function rememberDisjoint(claims: string): void {
  if (knownDisjoint.size >= MOST_KNOWN) knownDisjoint.clear();
  knownDisjoint.add(claims);
}

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
      this.#parts.map((part) => appendName(part.bytes, part.host.name)),
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

/** The shared instance of a route table whose virtual hosts are resources of their own. */
export function splitRouteTable(name: string, matchesPort = false): ServedResource {
  return encodeResource('envoy.config.route.v3.RouteConfiguration', buildSplitRouteTable(name, matchesPort), { name });
}

/** A virtual host of one table as a resource of its own. It costs next to nothing until somebody is sent it. */
class SplitVirtualHost implements ServedResource {
  readonly typeUrl = VIRTUAL_HOST_TYPE;
  readonly name: string;
  readonly #part: VirtualHostPart;
  #bytes: Uint8Array | undefined;

  constructor(table: string, part: VirtualHostPart) {
    this.name = renderSplitHostName(table, part.host.name);
    this.#part = part;
  }

  get version(): string {
    return this.#part.version;
  }

  get needs(): readonly string[] {
    return this.#part.needs;
  }

  get claims(): readonly string[] {
    return this.#part.host.domains;
  }

  get bytes(): Uint8Array {
    this.#bytes ??= appendName(this.#part.bytes, this.name);
    return this.#bytes;
  }
}

/** The shared instance of a table's virtual host. */
export function splitVirtualHost(table: string, part: VirtualHostPart): ServedResource {
  return internResource(new SplitVirtualHost(table, part));
}
