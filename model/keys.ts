/**
 * Keys of queries: canonical strings, so that equal questions meet in one node.
 * Form: `name=value` joined by `;` in a fixed order, values percent-encoded, empty values left out.
 */

type Fields<Name extends string> = Readonly<Record<Name, string>>;

export function renderFields<Name extends string>(names: readonly Name[], fields: Partial<Fields<Name>>): string {
  let key = '';
  for (const name of names) {
    const value = fields[name];
    if (value === undefined || value === '') continue;
    key += `${key === '' ? '' : ';'}${name}=${plain.test(value) ? value : encodeURIComponent(value)}`;
  }
  return key;
}

/** Values that need no encoding, which is nearly all of them. */
const plain = /^[A-Za-z0-9._/*+:,-]*$/;

export function parseFields<Name extends string>(names: readonly Name[], key: string): Fields<Name> {
  const fields: Record<string, string> = {};
  for (const name of names) fields[name] = '';
  for (const pair of key === '' ? [] : key.split(';')) {
    const at = pair.indexOf('=');
    const value = pair.slice(at + 1);
    fields[pair.slice(0, at)] = value.includes('%') ? decodeURIComponent(value) : value;
  }
  return fields as Fields<Name>;
}

/** Labels as one field: sorted `name:value` pairs joined by commas. */
export function renderLabels(labels: Readonly<Record<string, string>>): string {
  return Object.keys(labels)
    .sort()
    .map((name) => `${renderLabel(name)}:${renderLabel(labels[name] ?? '')}`)
    .join(',');
}

/** Labels that a proxy claims may hold anything. */
const renderLabel = (text: string): string => (/^[A-Za-z0-9._/-]*$/.test(text) ? text : encodeURIComponent(text));

export function parseLabels(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const pair of text === '' ? [] : text.split(',')) {
    const at = pair.indexOf(':');
    labels[decodeURIComponent(pair.slice(0, at))] = decodeURIComponent(pair.slice(at + 1));
  }
  return labels;
}

/**
 * An outbound view: everything that decides what a proxy sees of the mesh. `locality`, `envoy` and `extensions` stay empty
 * while nothing that is built depends on them; `dns` is set when the proxy's DNS is captured; `own` are the ports at which it listens for
 * itself, if not the usual ones; `labels` holds only those that some resource tests.
 */
export const viewFields = [
  'role',
  'ns',
  'sidecar',
  'cluster',
  'network',
  'locality',
  'dns',
  'mode',
  'families',
  'trust',
  'envoy',
  'extensions',
  'own',
  'labels',
] as const;
export type ViewKey = Fields<(typeof viewFields)[number]>;
export const renderViewKey = (view: Partial<ViewKey>): string => renderFields(viewFields, view);
export const parseViewKey = (key: string): ViewKey => parseFields(viewFields, key);

/**
 * A workload class. `ports`: `targetPort:servicePort:serviceId` joined by commas, `policies`: keys of the
 * PeerAuthentications with a selector that select it. `sidecar`: the Sidecar in force where it says something about inbound
 * traffic; `addresses`: the workload's own, only where it cannot do without them.
 */
export const classFields = [
  'ns',
  'account',
  'cluster',
  'mode',
  'families',
  'trust',
  'ports',
  'policies',
  'sidecar',
  'addresses',
] as const;
export type ClassKey = Fields<(typeof classFields)[number]>;
export const renderClassKey = (fields: Partial<ClassKey>): string => renderFields(classFields, fields);
export const parseClassKey = (key: string): ClassKey => parseFields(classFields, key);

/**
 * A router's listeners. `ports`: `servicePort:targetPort` joined by commas; `own`: as of a view; `labels`: those that Gateway
 * selectors test.
 */
export const gatewayFields = ['ns', 'cluster', 'families', 'trust', 'ports', 'own', 'labels'] as const;
export type GatewayKey = Fields<(typeof gatewayFields)[number]>;
export const renderGatewayKey = (fields: Partial<GatewayKey>): string => renderFields(gatewayFields, fields);
export const parseGatewayKey = (key: string): GatewayKey => parseFields(gatewayFields, key);

/**
 * An outbound cluster. `rule`: keys of the DestinationRules in force, the first one leading, joined by commas; `lookup`: the
 * address families in which Envoy looks up its names, where it does.
 */
export const clusterFields = ['special', 'service', 'port', 'subset', 'rule', 'role', 'lookup'] as const;
export type ClusterKey = Fields<(typeof clusterFields)[number]>;
export const renderClusterKey = (fields: Partial<ClusterKey>): string => renderFields(clusterFields, fields);
export const parseClusterKey = (key: string): ClusterKey => parseFields(clusterFields, key);

/** Where a proxy runs, as exactly as some service of the mesh asks. */
export const placeFields = ['region', 'zone', 'subzone', 'node'] as const;
export type PlaceKey = Fields<(typeof placeFields)[number]>;
export const renderPlaceKey = (fields: Partial<PlaceKey>): string => renderFields(placeFields, fields);
export const parsePlaceKey = (key: string): PlaceKey => parseFields(placeFields, key);

/** A cluster's endpoints as one endpoint view sees them; the place only where they depend on it. */
export const endpointFields = [...clusterFields, 'network', 'cluster', 'families', ...placeFields] as const;
export type EndpointKey = Fields<(typeof endpointFields)[number]>;
export const parseEndpointKey = (key: string): EndpointKey => parseFields(endpointFields, key);
export function endpointKeyOf(
  clusterKey: string,
  view: Pick<ViewKey, 'network' | 'cluster' | 'families'>,
  place = '',
): string {
  const suffix = renderFields(['network', 'cluster', 'families'] as const, {
    network: view.network,
    cluster: view.cluster,
    families: view.families,
  });
  return [clusterKey, suffix, place].filter((part) => part !== '').join(';');
}

/**
 * A set of services by visibility: `public=NAMESPACE`, or `private=NAMESPACE` for what only that namespace's clients see.
 * A Sidecar that imports a part narrows it: `owner` to what one namespace declares, `filter` to some hosts
 * (sidecar/hostfilter.ts).
 */
export const sliceFields = ['public', 'private', 'owner', 'filter'] as const;
export type SliceKey = Fields<(typeof sliceFields)[number]>;
export const renderSliceKey = (fields: Partial<SliceKey>): string => renderFields(sliceFields, fields);
export const parseSliceKey = (key: string): SliceKey => parseFields(sliceFields, key);
/** Whether a slice, of services or of what is made of them, is one that only one namespace sees. */
export const isPrivateSlice = (key: string): boolean => key.startsWith('private=');

/**
 * What of a view matters to addresses and names in listeners and routes: `near` is the client's namespace where short
 * names of it are among the content's, `client` the client's namespace where the content depends on it, `labels` likewise.
 * Where a Sidecar decides, `by` are the VirtualServices that route (`none` for none) instead of those that everybody sees,
 * `rest` what happens to unknown destinations instead of what the mesh says, and `sidecar` and `egress` name a listener of
 * the Sidecar where the content is its own.
 * Of the listener that services of one port share (`shared`): `http` when some of them are told apart by host, `lookup` when
 * the address of some is looked up by the name in the request.
 */
export const listenerFields = [
  'kind',
  'service',
  'port',
  'bind',
  'cluster',
  'mode',
  'families',
  'dns',
  'http',
  'lookup',
  'client',
  'labels',
  'by',
  'rest',
  'sidecar',
  'egress',
] as const;
export type ListenerKey = Fields<(typeof listenerFields)[number]>;
export const renderListenerKey = (fields: Partial<ListenerKey>): string => renderFields(listenerFields, fields);
export const parseListenerKey = (key: string): ListenerKey => parseFields(listenerFields, key);

/**
 * A route configuration of sidecars: per port and view, or per service port with a detected protocol. With `egress` it is
 * filled by that listener of the Sidecar, and with `detects` also with services whose protocol is detected.
 */
export const routeTableFields = [
  'port',
  'service',
  'ns',
  'cluster',
  'families',
  'client',
  'labels',
  'by',
  'rest',
  'sidecar',
  'egress',
  'detects',
] as const;
export type RouteTableKey = Fields<(typeof routeTableFields)[number]>;
export const renderRouteTableKey = (fields: Partial<RouteTableKey>): string => renderFields(routeTableFields, fields);
export const parseRouteTableKey = (key: string): RouteTableKey => parseFields(routeTableFields, key);

/** One slice's virtual hosts on one port. */
export const routeSliceFields = [
  'public',
  'private',
  'owner',
  'filter',
  'port',
  'near',
  'cluster',
  'families',
] as const;
export type RouteSliceKey = Fields<(typeof routeSliceFields)[number]>;
export const renderRouteSliceKey = (fields: Partial<RouteSliceKey>): string => renderFields(routeSliceFields, fields);
export const parseRouteSliceKey = (key: string): RouteSliceKey => parseFields(routeSliceFields, key);

/**
 * A virtual host: of a service, of a VirtualService's host that is no service (`host`), or the catch-all. With `named` its
 * domains carry the port, for tables that serve several.
 */
export const virtualHostFields = [
  'kind',
  'service',
  'host',
  'port',
  'near',
  'cluster',
  'families',
  'client',
  'labels',
  'by',
  'rest',
  'named',
] as const;
export type VirtualHostKey = Fields<(typeof virtualHostFields)[number]>;
export const renderVirtualHostKey = (fields: Partial<VirtualHostKey>): string =>
  renderFields(virtualHostFields, fields);
export const parseVirtualHostKey = (key: string): VirtualHostKey => parseFields(virtualHostFields, key);

/** A part of a gateway: its key, a bar, and the route table's or virtual host's name. */
export const renderGatewayPart = (gateway: string, name: string): string => `${gateway}|${name}`;
export function parseGatewayPart(key: string): { readonly gateway: string; readonly name: string } {
  const at = key.indexOf('|');
  return { gateway: key.slice(0, at), name: key.slice(at + 1) };
}

/** `namespace/hostname`: a destination wherever it is registered; the same service of several clusters is one. */
export const renderServiceId = (namespace: string, hostname: string): string => `${namespace}/${hostname}`;
export function parseServiceId(id: string): { readonly namespace: string; readonly hostname: string } {
  const at = id.indexOf('/');
  return { namespace: id.slice(0, at), hostname: id.slice(at + 1) };
}

/** `cluster/namespace/name`, the key of most inputs. */
export const renderObjectKey = (cluster: string, namespace: string, name: string): string =>
  `${cluster}/${namespace}/${name}`;
export function parseObjectKey(key: string): {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
} {
  const [cluster = '', namespace = '', name = ''] = key.split('/');
  return { cluster, namespace, name };
}

/** The key of the destination that a ServiceEntry declares for one of its hosts. */
export const renderHostKey = (entryKey: string, host: string): string => `${entryKey}/${host}`;
export function parseHostKey(key: string): { readonly entryKey: string; readonly host: string } {
  const at = key.lastIndexOf('/');
  return { entryKey: key.slice(0, at), host: key.slice(at + 1) };
}
/** Whether a service's key names a host of a ServiceEntry. */
export const isHostKey = (key: string): boolean => key.split('/').length === 4;

/** `Kind/cluster/namespace/name`: one user resource of any kind. */
export const renderResourceKey = (kind: string, objectKey: string): string => `${kind}/${objectKey}`;
export function parseResourceKey(key: string): { readonly kind: string; readonly objectKey: string } {
  const at = key.indexOf('/');
  return { kind: key.slice(0, at), objectKey: key.slice(at + 1) };
}
