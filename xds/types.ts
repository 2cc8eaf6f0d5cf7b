/** The resource types that we serve, and how each behaves on the wire. */

const API = 'type.googleapis.com/';

export const CLUSTER = `${API}envoy.config.cluster.v3.Cluster`;
export const ENDPOINT = `${API}envoy.config.endpoint.v3.ClusterLoadAssignment`;
export const LISTENER = `${API}envoy.config.listener.v3.Listener`;
export const ROUTE = `${API}envoy.config.route.v3.RouteConfiguration`;
export const VIRTUAL_HOST = `${API}envoy.config.route.v3.VirtualHost`;
export const SECRET = `${API}envoy.extensions.transport_sockets.tls.v3.Secret`;
export const EXTENSION = `${API}envoy.config.core.v3.TypedExtensionConfig`;
export const NAME_TABLE = `${API}istio.networking.nds.v1.NameTable`;

export interface ResourceType {
  readonly typeUrl: string;
  /** One bit, the lowest of the type that is sent first: sets of types are numbers. */
  readonly bit: number;
  /** As metrics and logs name it. */
  readonly label: string;
  /** A first request without names asks for everything. */
  readonly wildcard: boolean;
  /** In state-of-the-world responses what is not named is gone, so each holds everything. */
  readonly wholeState: boolean;
  /**
   * What a resource that is no longer there means: `send` the client is told; `ignore` the client drops it by itself
   * with its parent (Envoy ignores such messages); `never` as ignore, and even a name that never existed is not answered
   * until it does (a secret that was refused looks like one that does not exist).
   */
  readonly removal: 'send' | 'ignore' | 'never';
  /**
   * Resources are named `PARENT/NAME`, and each belongs to the resource PARENT of this type. A client takes an interest
   * in all of them by taking one in their parent, asks for none by name, and drops them with it.
   */
  readonly parent?: string;
  /**
   * Snapshots hold the type only for clients that ask for it, so one that is yet without it has no answer. Nothing is said
   * meanwhile: Istio's agent, which asks for names beside Envoy, never acknowledges an empty response.
   */
  readonly onRequest?: true;
}

/** In the order in which changes are sent: what is referred to before what refers to it. */
const IN_ORDER: readonly Omit<ResourceType, 'bit'>[] = [
  { typeUrl: CLUSTER, label: 'cds', wildcard: true, wholeState: true, removal: 'send' },
  { typeUrl: ENDPOINT, label: 'eds', wildcard: false, wholeState: false, removal: 'ignore' },
  { typeUrl: SECRET, label: 'sds', wildcard: false, wholeState: false, removal: 'never' },
  { typeUrl: EXTENSION, label: 'ecds', wildcard: false, wholeState: false, removal: 'ignore' },
  { typeUrl: LISTENER, label: 'lds', wildcard: true, wholeState: true, removal: 'send' },
  { typeUrl: ROUTE, label: 'rds', wildcard: false, wholeState: false, removal: 'ignore' },
  { typeUrl: VIRTUAL_HOST, label: 'vhds', wildcard: false, wholeState: false, removal: 'send', parent: ROUTE },
  { typeUrl: NAME_TABLE, label: 'nds', wildcard: true, wholeState: true, removal: 'send', onRequest: true },
];

export const RESOURCE_TYPES: readonly ResourceType[] = IN_ORDER.map((type, at) => ({ ...type, bit: 1 << at }));

/** The set of all types. */
export const ALL_TYPES = (1 << RESOURCE_TYPES.length) - 1;

/** Types whose resources name clusters. */
export const TYPES_NAMING_CLUSTERS: readonly ResourceType[] = RESOURCE_TYPES.filter(
  ({ typeUrl }) => typeUrl !== CLUSTER && typeUrl !== ENDPOINT && typeUrl !== SECRET,
);

const BY_URL: ReadonlyMap<string, ResourceType> = new Map(RESOURCE_TYPES.map((type) => [type.typeUrl, type]));

export function resourceType(typeUrl: string): ResourceType | undefined {
  return BY_URL.get(typeUrl);
}

/** The name of the resource that a resource belongs to; names of virtual hosts themselves hold no slash. */
export function parentOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}
