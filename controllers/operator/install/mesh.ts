import { isObject, type JsonObject, leafPaths, overlayObject } from './json.ts';
import { unreadPaths, type ValuesReader } from './values.ts';

export interface MeshDefaults {
  readonly rootNamespace: string;
  readonly discoveryAddress: string;
  readonly meshId: string | undefined;
  readonly trustDomain: string;
}

/** The mesh configuration: what we know by ourselves, `values.meshConfig` over it, `spec.meshConfig` on top. */
export function resolveMesh(spec: JsonObject, values: ValuesReader, defaults: MeshDefaults): JsonObject {
  const own: JsonObject = {
    trustDomain: defaults.trustDomain,
    rootNamespace: defaults.rootNamespace,
    defaultConfig: {
      discoveryAddress: defaults.discoveryAddress,
      ...(defaults.meshId === undefined ? {} : { meshId: defaults.meshId }),
    },
  };
  const given = overlayObject(values.object('meshConfig') ?? {}, isObject(spec.meshConfig) ? spec.meshConfig : {});
  return overlayObject(own, given);
}

/** `values.global.meshNetworks` as the file that istiod reads. */
export function resolveNetworks(values: ValuesReader): JsonObject {
  return { networks: values.object('global.meshNetworks') ?? {} };
}

/** What istiod, the injector and the agent read of MeshConfig; a map stands for everything in it. */
const honouredFields: ReadonlySet<string> = new Set([
  'accessLogEncoding',
  'accessLogFile',
  'accessLogFormat',
  'connectTimeout',
  'defaultDestinationRuleExportTo',
  'defaultHttpRetryPolicy',
  'defaultServiceExportTo',
  'defaultVirtualServiceExportTo',
  'discoverySelectors',
  'enableAutoMtls',
  'enablePrometheusMerge',
  'h2UpgradePolicy',
  'inboundTrafficPolicy.mode',
  'outboundTrafficPolicy.mode',
  'protocolDetectionTimeout',
  'proxyInboundListenPort',
  'proxyListenPort',
  'rootNamespace',
  'tcpKeepalive',
  'trustDomain',
  'trustDomainAliases',
  'defaultConfig.binaryPath',
  'defaultConfig.concurrency',
  'defaultConfig.configPath',
  'defaultConfig.discoveryAddress',
  'defaultConfig.drainDuration',
  'defaultConfig.holdApplicationUntilProxyStarts',
  'defaultConfig.image.imageType',
  'defaultConfig.interceptionMode',
  'defaultConfig.meshId',
  'defaultConfig.proxyAdminPort',
  'defaultConfig.proxyMetadata',
  'defaultConfig.proxyStatsMatcher',
  'defaultConfig.runtimeValues',
  'defaultConfig.serviceCluster',
  'defaultConfig.statusPort',
  'defaultConfig.terminationDrainDuration',
]);

/** Fields of a mesh configuration that are accepted and change nothing yet. */
export function listUnhonouredMesh(mesh: JsonObject): readonly string[] {
  return unreadPaths(leafPaths(mesh), honouredFields);
}
