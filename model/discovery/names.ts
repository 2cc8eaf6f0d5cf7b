/**
 * Which names a client may resolve, and to which addresses: what its view sees, in parts that views share. A part is
 * what one slice of services contributes, so a change costs its own namespace and not the mesh.
 */
import type { Graph, Query, Reader } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import { parseFields, parseSliceKey, parseViewKey, renderFields, sliceFields, type ViewKey } from '../keys.ts';
import { addressesFor } from '../outbound/reach.ts';
import type { ImportQueries } from '../sidecar/imports.ts';
import { renderScopeKey } from '../sidecar/scope.ts';
import type { Service } from '../types/inputs.ts';
import { type EndpointQueries, type ServiceEndpoint, usableEndpoints } from './endpoints.ts';
import { isHeadless, type MeshService, type ServiceQueries } from './services.ts';

export interface MeshName {
  /** In lower case; a wildcard starts with `*.`. */
  readonly hostname: string;
  /** Never empty. */
  readonly addresses: readonly string[];
  readonly registry: Service['registry'];
  /** What Services of Kubernetes, and pods below them, are called within their namespace. */
  readonly short?: { readonly name: string; readonly namespace: string };
}

export interface NameQueries {
  /** By part key: each hostname once, sorted. */
  readonly names: Query<readonly MeshName[]>;
  /** By view key: part keys. Of two parts that hold one name the first in order of keys counts. */
  readonly viewNames: Query<readonly string[]>;
}

/**
 * A part: `rank` orders it among a view's parts; services are those of a slice, or with `sidecar` those that this Sidecar
 * imports one by one for clients in `ns`; the rest is what of a client its addresses depend on.
 */
const partFields = ['rank', ...sliceFields, 'ns', 'sidecar', 'cluster', 'network', 'families'] as const;
const clientFields = ['cluster', 'network', 'families'] as const;
type Client = Pick<ViewKey, (typeof clientFields)[number]>;

/** Whoever is served names has its DNS captured, and so uses addresses that were allocated. */
const captured = '1';

/** What a client imports by itself comes before what is exported to few, and that before what everybody sees. */
const rank = { imported: '0', private: '1', public: '2' } as const;

export interface NameParts {
  readonly services: ServiceQueries;
  readonly endpoints: EndpointQueries;
  readonly imports: ImportQueries;
}

export function defineNames(graph: Graph, { services, endpoints, imports }: NameParts): NameQueries {
  const names = graph.query<readonly MeshName[]>(
    'names',
    (reader, key) => {
      const { rank: _rank, ns, sidecar, cluster, network, families, ...slice } = parseFields(partFields, key);
      const ids =
        sidecar === ''
          ? reader.read(services.serviceSlice, renderFields(sliceFields, slice))
          : [...reader.read(imports.scopeServices, renderScopeKey({ ns, sidecar })).services.keys()];
      const known = new Map<string, MeshName>();
      for (const id of ids) {
        const service = reader.read(services.service, id);
        if (service === undefined) continue;
        for (const name of namesOf(reader, endpoints, service, { cluster, network, families })) {
          if (!known.has(name.hostname)) known.set(name.hostname, name);
        }
      }
      return [...known.keys()].sort().flatMap((hostname) => known.get(hostname) ?? []);
    },
    { equal: sameData },
  );

  const viewNames = graph.query<readonly string[]>(
    'viewNames',
    (reader, key) => {
      const view = parseViewKey(key);
      const { ns, sidecar, cluster, network, families } = view;
      const client = { cluster, network, families };
      const scopeKey = renderScopeKey(view);
      const narrowed = sidecar !== '' && !reader.read(imports.sidecarScope, scopeKey).whole;
      const selection = narrowed ? reader.read(imports.scopeServices, scopeKey) : undefined;
      const parts = (selection?.slices ?? reader.read(services.visibleSlices, ns)).map((text) => {
        const slice = parseSliceKey(text);
        return renderFields(partFields, {
          rank: slice.private === '' ? rank.public : rank.private,
          ...slice,
          ...client,
        });
      });
      if (selection !== undefined && selection.services.size > 0)
        parts.push(renderFields(partFields, { rank: rank.imported, ns, sidecar, ...client }));
      return parts.sort();
    },
    { equal: sameData },
  );

  return { names, viewNames };
}

function namesOf(
  reader: Reader,
  endpoints: EndpointQueries,
  service: MeshService,
  client: Client,
): readonly MeshName[] {
  const { hostname, registry, namespace } = service;
  const named = (below: string, addresses: readonly string[]): MeshName => ({
    hostname: `${below}${hostname}`,
    addresses,
    registry,
    ...(registry === 'Kubernetes' ? { short: { name: `${below}${service.name}`, namespace } } : {}),
  });
  const virtual = addressesFor(service, { ...client, dns: captured });
  if (virtual.length > 0) return [named('', [...new Set(virtual)])];
  if (registry !== 'Kubernetes' || !isHeadless(service)) return [];
  const near = usableEndpoints(reader.read(endpoints.serviceEndpoints, service.id)).filter(
    (endpoint) => endpoint.network === client.network,
  );
  const own = near.filter((endpoint) => endpoint.cluster === client.cluster);
  const pods = [...own, ...near.filter((endpoint) => endpoint.cluster !== client.cluster)];
  const all = own.flatMap((endpoint) => addressesOf(endpoint, client));
  return [
    ...(all.length === 0 ? [] : [named('', [...new Set(all)].sort())]),
    ...pods.flatMap((pod) => {
      const addresses = addressesOf(pod, client);
      return pod.hostname === undefined || addresses.length === 0 ? [] : [named(`${pod.hostname}.`, addresses)];
    }),
  ];
}

function addressesOf({ addresses }: ServiceEndpoint, { families }: Client): readonly string[] {
  return addresses.filter((address) => families === '' || families.includes(address.includes(':') ? '6' : '4'));
}
