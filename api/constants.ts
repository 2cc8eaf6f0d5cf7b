/**
 * Owns: the names and numbers that Istio's users, tools and dashboards rely on. An entry of its own without any import,
 * because the agent carries it into every pod.
 */

export const groups = {
  networking: 'networking.istio.io',
  security: 'security.istio.io',
  telemetry: 'telemetry.istio.io',
  extensions: 'extensions.istio.io',
  install: 'install.istio.io',
} as const;

/** Ports inside the pod of a workload or gateway. */
export const proxyPorts = {
  admin: 15000,
  outbound: 15001,
  hbone: 15008,
  inbound: 15006,
  /** The agent: merged metrics, probes of the application. */
  status: 15020,
  /** Envoy: readiness. */
  health: 15021,
  dns: 15053,
  /** Envoy: its own statistics. */
  prometheus: 15090,
} as const;

/** Ports of the control plane. */
export const istiodPorts = {
  /** xDS in plaintext: off by default, or loopback only. */
  grpc: 15010,
  /** xDS and certificates over TLS. */
  secureGrpc: 15012,
  monitoring: 15014,
  /** Webhooks; port 443 of the Service leads here. */
  webhook: 15017,
  webhookService: 443,
  readiness: 8080,
} as const;

/** User and group that traffic of the proxy is told by. */
export const proxyUid = 1337;

export const namespaces = {
  default: 'istio-system',
  kubeSystem: 'kube-system',
} as const;

export const names = {
  istiod: 'istiod',
  meshConfigMap: 'istio',
  meshConfigKey: 'mesh',
  meshNetworksKey: 'meshNetworks',
  injectorConfigMap: 'istio-sidecar-injector',
  caRootConfigMap: 'istio-ca-root-cert',
  caRootKey: 'root-cert.pem',
  caCrlConfigMap: 'istio-ca-crl',
  caSecret: 'istio-ca-secret',
  pluggedCaSecret: 'cacerts',
  proxyContainer: 'istio-proxy',
  initContainer: 'istio-init',
  validationContainer: 'istio-validation',
  meshGateway: 'mesh',
  defaultRevision: 'default',
  ingressGateway: 'istio-ingressgateway',
  egressGateway: 'istio-egressgateway',
  clusterDomain: 'cluster.local',
  cluster: 'Kubernetes',
} as const;

/** Audience of the token that a workload shows to istiod. */
export const tokenAudience = 'istio-ca';

export const labels = {
  injection: 'istio-injection',
  revision: 'istio.io/rev',
  tag: 'istio.io/tag',
  draining: 'istio.io/draining',
  persistentSession: 'istio.io/persistent-session',
  persistentSessionHeader: 'istio.io/persistent-session-header',
  inject: 'sidecar.istio.io/inject',
  tlsMode: 'security.istio.io/tlsMode',
  canonicalName: 'service.istio.io/canonical-name',
  canonicalRevision: 'service.istio.io/canonical-revision',
  workloadName: 'service.istio.io/workload-name',
  cluster: 'topology.istio.io/cluster',
  locality: 'topology.istio.io/locality',
  network: 'topology.istio.io/network',
  subzone: 'topology.istio.io/subzone',
  region: 'topology.kubernetes.io/region',
  zone: 'topology.kubernetes.io/zone',
  gatewayManaged: 'gateway.istio.io/managed',
  gatewayName: 'gateway.networking.k8s.io/gateway-name',
  gatewayClassName: 'gateway.networking.k8s.io/gateway-class-name',
  enableAutoallocateIp: 'networking.istio.io/enable-autoallocate-ip',
  gatewayPort: 'networking.istio.io/gatewayPort',
  operatorComponent: 'operator.istio.io/component',
  operatorManaged: 'operator.istio.io/managed',
  operatorVersion: 'operator.istio.io/version',
  owningResource: 'install.operator.istio.io/owning-resource',
  owningResourceNamespace: 'install.operator.istio.io/owning-resource-namespace',
  multiCluster: 'istio/multiCluster',
  app: 'app',
  version: 'version',
  appName: 'app.kubernetes.io/name',
  appVersion: 'app.kubernetes.io/version',
  serviceName: 'kubernetes.io/service-name',
} as const;

export const annotations = {
  analyzeSuppress: 'galley.istio.io/analyze-suppress',
  gatewayControllerVersion: 'gateway.istio.io/controller-version',
  gatewayNameOverride: 'gateway.istio.io/name-override',
  gatewayServiceAccount: 'gateway.istio.io/service-account',
  gatewayDefaultsForClass: 'gateway.istio.io/defaults-for-class',
  gatewayTlsCipherSuites: 'gateway.istio.io/tls-cipher-suites',
  gatewayTlsTerminateMode: 'gateway.istio.io/tls-terminate-mode',
  gatewayListenerProtocol: 'gateway.istio.io/listener-protocol',
  templates: 'inject.istio.io/templates',
  autoRegistrationGroup: 'istio.io/autoRegistrationGroup',
  connectedAt: 'istio.io/connectedAt',
  disconnectedAt: 'istio.io/disconnectedAt',
  workloadController: 'istio.io/workloadController',
  dryRun: 'istio.io/dry-run',
  rerouteVirtualInterfaces: 'istio.io/reroute-virtual-interfaces',
  revision: 'istio.io/rev',
  connectStrategy: 'istio.io/connect-strategy',
  ignorePolicyAttachment: 'istio.io/ignore-policy-attachment',
  ingressClass: 'kubernetes.io/ingress.class',
  exportTo: 'networking.istio.io/exportTo',
  serviceType: 'networking.istio.io/service-type',
  addressType: 'networking.istio.io/address-type',
  trafficDistribution: 'networking.istio.io/traffic-distribution',
  mergeMetrics: 'prometheus.istio.io/merge-metrics',
  scrapeTargets: 'prometheus.istio.io/scrape-targets',
  securePort: 'prometheus.istio.io/secure-port',
  prometheusScrape: 'prometheus.io/scrape',
  prometheusPort: 'prometheus.io/port',
  prometheusPath: 'prometheus.io/path',
  proxyConfig: 'proxy.istio.io/config',
  proxyOverrides: 'proxy.istio.io/overrides',
  healthChecksEnabled: 'proxy.istio.io/health-checks-enabled',
  readinessApplicationPorts: 'readiness.status.sidecar.istio.io/applicationPorts',
  readinessFailureThreshold: 'readiness.status.sidecar.istio.io/failureThreshold',
  readinessInitialDelaySeconds: 'readiness.status.sidecar.istio.io/initialDelaySeconds',
  readinessPeriodSeconds: 'readiness.status.sidecar.istio.io/periodSeconds',
  agentLogLevel: 'sidecar.istio.io/agentLogLevel',
  bootstrapOverride: 'sidecar.istio.io/bootstrapOverride',
  capNetBindService: 'sidecar.istio.io/capNetBindService',
  componentLogLevel: 'sidecar.istio.io/componentLogLevel',
  discoveryAddress: 'sidecar.istio.io/discoveryAddress',
  extraStatTags: 'sidecar.istio.io/extraStatTags',
  inject: 'sidecar.istio.io/inject',
  interceptionMode: 'sidecar.istio.io/interceptionMode',
  logLevel: 'sidecar.istio.io/logLevel',
  nativeSidecar: 'sidecar.istio.io/nativeSidecar',
  proxyCPU: 'sidecar.istio.io/proxyCPU',
  proxyCPULimit: 'sidecar.istio.io/proxyCPULimit',
  proxyImage: 'sidecar.istio.io/proxyImage',
  proxyImageType: 'sidecar.istio.io/proxyImageType',
  proxyMemory: 'sidecar.istio.io/proxyMemory',
  proxyMemoryLimit: 'sidecar.istio.io/proxyMemoryLimit',
  rewriteAppHTTPProbers: 'sidecar.istio.io/rewriteAppHTTPProbers',
  statsCompression: 'sidecar.istio.io/statsCompression',
  statsEvictionInterval: 'sidecar.istio.io/statsEvictionInterval',
  statsFlushInterval: 'sidecar.istio.io/statsFlushInterval',
  statsHistogramBins: 'sidecar.istio.io/statsHistogramBins',
  statsHistogramBuckets: 'sidecar.istio.io/statsHistogramBuckets',
  statsInclusionPrefixes: 'sidecar.istio.io/statsInclusionPrefixes',
  statsInclusionRegexps: 'sidecar.istio.io/statsInclusionRegexps',
  statsInclusionSuffixes: 'sidecar.istio.io/statsInclusionSuffixes',
  sidecarStatus: 'sidecar.istio.io/status',
  userVolume: 'sidecar.istio.io/userVolume',
  userVolumeMount: 'sidecar.istio.io/userVolumeMount',
  statusPort: 'status.sidecar.istio.io/port',
  controlPlaneClusters: 'topology.istio.io/controlPlaneClusters',
  nodeSelector: 'traffic.istio.io/nodeSelector',
  excludeInboundPorts: 'traffic.sidecar.istio.io/excludeInboundPorts',
  excludeInterfaces: 'traffic.sidecar.istio.io/excludeInterfaces',
  excludeOutboundIPRanges: 'traffic.sidecar.istio.io/excludeOutboundIPRanges',
  excludeOutboundPorts: 'traffic.sidecar.istio.io/excludeOutboundPorts',
  includeInboundPorts: 'traffic.sidecar.istio.io/includeInboundPorts',
  includeOutboundIPRanges: 'traffic.sidecar.istio.io/includeOutboundIPRanges',
  includeOutboundPorts: 'traffic.sidecar.istio.io/includeOutboundPorts',
  kubevirtInterfaces: 'traffic.sidecar.istio.io/kubevirtInterfaces',
  ignoreReconcile: 'install.istio.io/ignoreReconcile',
} as const;

/** Present on an IstioOperator until everything that it installed is gone. */
export const installFinalizer = 'istio-finalizer.install.istio.io';
