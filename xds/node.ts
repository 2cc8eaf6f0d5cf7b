/** Parses Envoy's node into what we know of a proxy. Names of metadata are Istio's (pkg/model/proxy.go there). */
import { LateenError } from '#runtime/core/index.ts';
import { type Message, toJson } from '#wire/index.ts';
import type { Protocol } from './request.ts';
import type { Proxy as MeshProxy } from './source.ts';

type Node = Message<'envoy.config.core.v3.Node'>;
type Metadata = Readonly<Record<string, unknown>>;

const TYPES: ReadonlySet<string> = new Set(['sidecar', 'router']);
const MODES: ReadonlySet<string> = new Set(['REDIRECT', 'TPROXY', 'NONE']);
/** Anything longer is no id of a proxy and not worth a log line. */
const MAX_ID_LENGTH = 1024;
/**
 * What a proxy says of itself is kept as long as its stream lasts. Kubernetes bounds the annotations of a pod, the longest
 * part of it, to 256 kB.
 */
const MAX_METADATA_LENGTH = 512 * 1024;
/** Envoy has some four hundred. */
const MAX_EXTENSIONS = 4_000;

/**
 * Node ids have Istio's form `type~ip~pod.namespace~domain`. Throws LateenError `invalid` saying what is wrong.
 * `connection` makes the connection id unique in this process.
 */
export function parseNode(node: Node | undefined, connection: number, protocol: Protocol): MeshProxy {
  const nodeId = node?.id ?? '';
  if (node === undefined || nodeId === '')
    throw new LateenError('invalid', 'the first request of a stream must hold a node with an id');
  if (nodeId.length > MAX_ID_LENGTH) throw new LateenError('invalid', 'the node id is too long');
  const [type = '', address = '', workload = '', dnsDomain = '', ...rest] = nodeId.split('~');
  if (!isProxyType(type) || workload === '' || rest.length > 0) {
    throw new LateenError('invalid', `node id "${nodeId}" is not of the form sidecar|router~ip~pod.namespace~domain`);
  }
  const metadata = parseMetadata(node.metadata);
  const generator = text(metadata, 'GENERATOR');
  if (generator !== '' && generator !== 'grpc' && generator !== 'agent')
    throw new LateenError('invalid', `generator "${generator.slice(0, 100)}" is not served`);
  const dot = workload.lastIndexOf('.');
  const podName = text(metadata, 'NAME') || (dot === -1 ? workload : workload.slice(0, dot));
  const idNamespace = dot === -1 ? '' : workload.slice(dot + 1);
  const namespace = text(metadata, 'NAMESPACE') || text(metadata, 'CONFIG_NAMESPACE') || idNamespace;
  if (idNamespace !== '' && namespace !== idNamespace) {
    throw new LateenError('invalid', `node id "${nodeId}" and metadata NAMESPACE "${namespace}" disagree`);
  }
  const labels = stringMap(metadata.LABELS);
  const client = clientOf(generator, node.userAgentName);
  return {
    connectionId: `${podName}.${namespace}-${connection}`,
    nodeId,
    type,
    ipAddresses: addresses(text(metadata, 'INSTANCE_IPS'), address),
    podName,
    namespace,
    dnsDomain: dnsDomain || `${namespace}.svc.cluster.local`,
    clusterId: text(metadata, 'CLUSTER_ID') || 'Kubernetes',
    network: text(metadata, 'NETWORK'),
    locality: {
      region: node.locality?.region ?? '',
      zone: node.locality?.zone ?? '',
      subzone: node.locality?.subZone ?? '',
    },
    labels,
    serviceAccount: text(metadata, 'SERVICE_ACCOUNT'),
    revision: labels['istio.io/rev'] ?? 'default',
    istioVersion: text(metadata, 'ISTIO_VERSION'),
    interceptionMode: interceptionMode(text(metadata, 'INTERCEPTION_MODE')),
    envoyVersion: envoyVersion(node),
    extensions: parseExtensions(node.extensions ?? []),
    metadata,
    client,
    virtualHosts: protocol === 'delta' && client === 'envoy',
  };
}

/** What speaks to us: an agent says so, in the place where Istio's clients say what they want to be sent. */
function clientOf(generator: string, userAgent = ''): MeshProxy['client'] {
  if (generator === 'agent') return 'agent';
  return generator === 'grpc' || /grpc/i.test(userAgent) ? 'grpc' : 'envoy';
}

function isProxyType(type: string): type is MeshProxy['type'] {
  return TYPES.has(type);
}

function interceptionMode(mode: string): MeshProxy['interceptionMode'] {
  const known = (value: string): value is MeshProxy['interceptionMode'] => MODES.has(value);
  return known(mode) ? mode : 'REDIRECT';
}

function envoyVersion({ userAgentBuildVersion, userAgentVersion }: Node): string {
  const version = userAgentBuildVersion?.version;
  if (version === undefined) return userAgentVersion ?? '';
  return `${version.majorNumber ?? 0}.${version.minorNumber ?? 0}.${version.patch ?? 0}`;
}

function parseMetadata(struct: Node['metadata']): Metadata {
  if (struct === undefined) return {};
  const plain = toJson('google.protobuf.Struct', struct);
  if (typeof plain !== 'object' || plain === null) return {};
  if (JSON.stringify(plain).length > MAX_METADATA_LENGTH)
    throw new LateenError('invalid', `the node's metadata is longer than ${MAX_METADATA_LENGTH} characters`);
  return plain as Metadata;
}

function parseExtensions(extensions: NonNullable<Node['extensions']>): readonly string[] {
  const names = extensions.flatMap(({ name }) => (name === undefined ? [] : [name]));
  if (names.length > MAX_EXTENSIONS || names.some((name) => name.length > MAX_ID_LENGTH))
    throw new LateenError('invalid', `the node has more than ${MAX_EXTENSIONS} extensions, or one with a long name`);
  return names;
}

function text(metadata: Metadata, key: string): string {
  const value = metadata[key];
  return typeof value === 'string' ? value : '';
}

function stringMap(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function addresses(list: string, fallback: string): readonly string[] {
  const found = list
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
  if (found.length > 0) return found;
  return fallback === '' ? [] : [fallback];
}
