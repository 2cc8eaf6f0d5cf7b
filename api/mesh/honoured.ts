/**
 * What istiod, the injector and the agent read of MeshConfig. Whoever makes a field work adds a line here; one that is set
 * and not listed is accepted and reported.
 */

/** A map stands for everything in it. */
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
  'dnsRefreshRate',
  'enableAutoMtls',
  'enablePrometheusMerge',
  'h2UpgradePolicy',
  'inboundTrafficPolicy.mode',
  'outboundTrafficPolicy.mode',
  'outboundTrafficPolicy.tls.caCertificates',
  'outboundTrafficPolicy.tls.clientCertificate',
  'outboundTrafficPolicy.tls.insecureSkipVerify',
  'outboundTrafficPolicy.tls.mode',
  'outboundTrafficPolicy.tls.privateKey',
  'outboundTrafficPolicy.tls.sni',
  'outboundTrafficPolicy.tls.subjectAltNames',
  'protocolDetectionTimeout',
  'proxyInboundListenPort',
  'proxyListenPort',
  'rootNamespace',
  'serviceEntryVisibility',
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
  'defaultConfig.readinessProbe',
  'defaultConfig.runtimeValues',
  'defaultConfig.serviceCluster',
  'defaultConfig.statusPort',
  'defaultConfig.terminationDrainDuration',
]);

/** Paths of fields that are accepted and change nothing yet, down to what is no map; empty maps say nothing. */
export function unhonouredMeshFields(mesh: unknown, prefix = ''): readonly string[] {
  if (honouredFields.has(prefix)) return [];
  if (typeof mesh !== 'object' || mesh === null || Array.isArray(mesh)) return prefix === '' ? [] : [prefix];
  return Object.entries(mesh).flatMap(([name, value]) =>
    unhonouredMeshFields(value, prefix === '' ? name : `${prefix}.${name}`),
  );
}
