/** Served resources: encoded once, versioned by content, one shared instance per content. */
import { hash } from 'node:crypto';
import { createIntern } from '#graph/index.ts';
import { encode, type Message, type TypeName, typeUrl } from '#wire/index.ts';
import type { ServedResource } from '#xds/source.ts';

export const CLUSTER_TYPE = typeUrl('envoy.config.cluster.v3.Cluster');
export const ENDPOINT_TYPE = typeUrl('envoy.config.endpoint.v3.ClusterLoadAssignment');
export const LISTENER_TYPE = typeUrl('envoy.config.listener.v3.Listener');
export const ROUTE_TYPE = typeUrl('envoy.config.route.v3.RouteConfiguration');
export const VIRTUAL_HOST_TYPE = typeUrl('envoy.config.route.v3.VirtualHost');
export const NAME_TABLE_TYPE = typeUrl('istio.networking.nds.v1.NameTable');
export const SECRET_TYPE = typeUrl('envoy.extensions.transport_sockets.tls.v3.Secret');

/** What a resource needs follows from its bytes, so these three say it all. */
/** The shared instance of a resource: equal content yields the identical object. */
export const internResource = createIntern<ServedResource>(
  ({ typeUrl: type, name, version }) => `${type}\n${name}\n${version}`,
);

export interface ResourceParts {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Clusters that must be held before; any order, duplicates allowed. */
  readonly needs?: Iterable<string>;
  readonly endpointsName?: string;
  /** Of a listener: the route tables that it asks for. */
  readonly routeNames?: Iterable<string>;
}

/** A short hash that stands for content in versions. */
export function hashContent(content: string | Uint8Array): string {
  return hash('sha256', content, 'base64url').slice(0, 22);
}

/**
 * The same bytes in memory of their own. An encoder gives them as a piece of a slab, and most of a slab is what was encoded
 * for other purposes and is forgotten: what stays would keep six times its size.
 */
export function detachBytes(bytes: Uint8Array): Uint8Array {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

/** A resource of these parts; equal parts yield the identical object. */
export function resolveResource(type: string, parts: ResourceParts): ServedResource {
  return internResource({
    typeUrl: type,
    name: parts.name,
    version: hashContent(parts.bytes),
    bytes: detachBytes(parts.bytes),
    needs: [...new Set(parts.needs ?? [])].sort(),
    ...(parts.endpointsName === undefined ? {} : { endpointsName: parts.endpointsName }),
    ...(parts.routeNames === undefined ? {} : { routeNames: [...new Set(parts.routeNames)].sort() }),
  });
}

/** Encodes a message and makes it a resource. */
export function encodeResource<T extends TypeName>(
  typeName: T,
  message: Message<T>,
  parts: Omit<ResourceParts, 'bytes'>,
): ServedResource {
  return resolveResource(typeUrl(typeName), { ...parts, bytes: encode(typeName, message) });
}
