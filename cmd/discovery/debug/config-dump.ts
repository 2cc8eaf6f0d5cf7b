/** What a proxy is to hold, in the form of Envoy's own configuration dump. Secrets are redacted. */
import { type Any, decode, type Message, pack, type TypeName, toJson, typeUrl } from '#wire/index.ts';
import { parentOf, type ServedResource, type StreamState } from '#xds/index.ts';
import { type JsonPieces, renderArray, renderObject } from './json.ts';
import { redactResource } from './redaction.ts';

/** One part of a dump: a message of Envoy's admin API with one long list. */
interface Section {
  readonly type: TypeName;
  readonly list: string;
  readonly itemType: TypeName;
  readonly version?: string;
  readonly items: () => Iterable<unknown>;
}

const TYPES: Readonly<Record<string, string>> = {
  cds: typeUrl('envoy.config.cluster.v3.Cluster'),
  eds: typeUrl('envoy.config.endpoint.v3.ClusterLoadAssignment'),
  lds: typeUrl('envoy.config.listener.v3.Listener'),
  rds: typeUrl('envoy.config.route.v3.RouteConfiguration'),
  vhds: typeUrl('envoy.config.route.v3.VirtualHost'),
  sds: typeUrl('envoy.extensions.transport_sockets.tls.v3.Secret'),
  ecds: typeUrl('envoy.config.core.v3.TypedExtensionConfig'),
  nds: typeUrl('istio.networking.nds.v1.NameTable'),
};

/** Short names of types as users write them (`cds,lds`) to type URLs, each once; a full type URL stands for itself. */
export function parseTypes(text: string): readonly string[] {
  const named = text.split(',').filter((name) => name !== '');
  return [...new Set(named.map((name) => TYPES[name.toLowerCase()] ?? name))];
}

/** Just the resources of some types. */
export function renderResources(stream: StreamState, types: readonly string[]): JsonPieces {
  const resources = types.flatMap((type) => stream.wanted(type));
  return renderObject(
    {},
    'configs',
    renderArray(mapLazily(resources, (resource) => anyJson(redactResource(resource)))),
  );
}

/** The whole dump as JSON. */
export function* renderDump(stream: StreamState, withEndpoints: boolean): JsonPieces {
  let separator = '{"configs":[';
  for (const { type, version, list, itemType, items } of sectionsOf(stream, withEndpoints)) {
    yield separator;
    separator = ',';
    const head = { '@type': typeUrl(type), ...(version === undefined ? {} : { versionInfo: version }) };
    if (list === '') yield JSON.stringify(head);
    else yield* renderObject(head, list, renderArray(mapLazily(items(), (item) => toJson(itemType, item as never))));
  }
  yield ']}';
}

/** The whole dump as messages of Envoy's admin API, one at a time. */
export function buildDump(stream: StreamState, withEndpoints: boolean): Iterable<Any> {
  return mapLazily(sectionsOf(stream, withEndpoints), ({ type, version, list, items }) =>
    pack(type, {
      ...(version === undefined ? {} : { versionInfo: version }),
      ...(list === '' ? {} : { [list]: [...items()] }),
    } as Message<typeof type>),
  );
}

function sectionsOf(stream: StreamState, withEndpoints: boolean): readonly Section[] {
  const version = String(stream.revision);
  const wanted = (label: string, build: (resource: ServedResource, any: Any) => object) => () =>
    mapLazily(stream.wanted(TYPES[label] ?? ''), (resource) => build(resource, redactResource(resource)));
  const empty = (type: TypeName): Section => ({ type, list: '', itemType: type, items: () => [] });
  return [
    empty('envoy.admin.v3.BootstrapConfigDump'),
    {
      type: 'envoy.admin.v3.ClustersConfigDump',
      version,
      list: 'dynamicActiveClusters',
      itemType: 'envoy.admin.v3.ClustersConfigDump.DynamicCluster',
      items: wanted('cds', (_, cluster) => ({ versionInfo: version, cluster })),
    },
    ...(withEndpoints
      ? [
          {
            type: 'envoy.admin.v3.EndpointsConfigDump',
            list: 'dynamicEndpointConfigs',
            itemType: 'envoy.admin.v3.EndpointsConfigDump.DynamicEndpointConfig',
            items: wanted('eds', (_, endpointConfig) => ({ versionInfo: version, endpointConfig })),
          } as const,
        ]
      : []),
    {
      type: 'envoy.admin.v3.ListenersConfigDump',
      version,
      list: 'dynamicListeners',
      itemType: 'envoy.admin.v3.ListenersConfigDump.DynamicListener',
      items: wanted('lds', ({ name }, listener) => ({ name, activeState: { versionInfo: version, listener } })),
    },
    empty('envoy.admin.v3.ScopedRoutesConfigDump'),
    {
      type: 'envoy.admin.v3.RoutesConfigDump',
      list: 'dynamicRouteConfigs',
      itemType: 'envoy.admin.v3.RoutesConfigDump.DynamicRouteConfig',
      items: () => mapLazily(assembleTables(stream), (routeConfig) => ({ versionInfo: version, routeConfig })),
    },
    {
      type: 'envoy.admin.v3.SecretsConfigDump',
      list: 'dynamicActiveSecrets',
      itemType: 'envoy.admin.v3.SecretsConfigDump.DynamicSecret',
      items: wanted('sds', ({ name }, secret) => ({ name, versionInfo: version, secret })),
    },
    {
      type: 'envoy.admin.v3.EcdsConfigDump',
      list: 'ecdsFilters',
      itemType: 'envoy.admin.v3.EcdsConfigDump.EcdsFilterConfig',
      items: wanted('ecds', (_, ecdsFilter) => ({ versionInfo: version, ecdsFilter })),
    },
  ];
}

/** Route tables with the virtual hosts that travel as resources of their own put back, as Envoy dumps them. */
function* assembleTables(stream: StreamState): Iterable<Any> {
  const hosts = Map.groupBy(stream.wanted(TYPES.vhds ?? ''), ({ name }) => parentOf(name));
  for (const table of stream.wanted(TYPES.rds ?? '')) {
    const own = hosts.get(table.name);
    if (own === undefined) {
      yield redactResource(table);
      continue;
    }
    const message = decode('envoy.config.route.v3.RouteConfiguration', table.bytes);
    const virtualHosts = own
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ bytes }) => decode('envoy.config.route.v3.VirtualHost', bytes));
    yield pack('envoy.config.route.v3.RouteConfiguration', {
      ...message,
      virtualHosts: [...(message.virtualHosts ?? []), ...virtualHosts],
    });
  }
}

function* mapLazily<A, B>(items: Iterable<A>, build: (item: A) => B): Iterable<B> {
  for (const item of items) yield build(item);
}

function anyJson(any: Any): unknown {
  return toJson('google.protobuf.Any', any);
}
