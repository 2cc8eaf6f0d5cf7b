/** Everything that `pilot-agent proxy` needs to know, read once from flags, environment and the pod's files. */
import { join } from 'node:path';
import { annotations, istiodPorts, labels, names, proxyPorts } from '#api/constants.ts';
import { type HealthSettings, parseHealthSettings } from '../health/settings.ts';
import { type LogLevel, parseLogLevel } from '../log.ts';
import { type Probes, parseProbes } from '../status/probes.ts';
import type { ApplicationScrape } from '../status/scrape.ts';
import { type DnsSettings, parseDnsSettings } from './dnssettings.ts';
import { parseHostPort, renderHostPort } from './hostport.ts';
import { buildNodeId, buildNodeMetadata, type NodeIdentity, resolveServiceCluster } from './metadata.ts';
import type { PodInfo } from './podinfo.ts';
import { type Problems, parseDuration, parseObject, parseProxyConfig } from './proxyconfig.ts';

export interface ProxySettings {
  readonly node: NodeIdentity;
  readonly nodeId: string;
  readonly serviceCluster: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly locality: { readonly region: string; readonly zone: string; readonly subzone: string };
  readonly discovery: { readonly host: string; readonly port: number; readonly serverName: string };
  readonly certificate: {
    /** `host:port` of the certificate service. */
    readonly address: string;
    readonly serverName: string | undefined;
    readonly clusterId: string;
    readonly trustDomain: string;
    readonly tokenPath: string;
    readonly rootPath: string;
    /** Folder of a certificate to renew. */
    readonly heldPath: string | undefined;
    /** Folder to leave certificates in. Absent: memory only. `shared`: other containers of the pod may read them. */
    readonly output: { readonly path: string; readonly shared: boolean } | undefined;
    readonly ttlSeconds: number;
    readonly grace: { readonly ratio: number; readonly spread: number };
    /** Milliseconds between looks at the root file. */
    readonly rootInterval: number;
  };
  readonly sdsSocketPath: string;
  readonly envoy: {
    readonly binaryPath: string;
    /** Directory for the bootstrap file. */
    readonly configPath: string;
    readonly concurrency: number;
    readonly logLevel: string;
    readonly componentLogLevel: string;
    readonly logAsJson: boolean;
    /** Seconds. */
    readonly drainTime: number;
    readonly statsInclusion: ReturnType<typeof parseProxyConfig>['statsInclusion'];
    readonly runtimeValues: Readonly<Record<string, string>>;
    readonly maxConnections: number;
  };
  readonly drain: {
    /** Milliseconds between SIGTERM and the end of Envoy. */
    readonly duration: number;
    /** Instead: wait until no client is connected, but at least `minimum` milliseconds. */
    readonly untilIdle: boolean;
    readonly minimum: number;
  };
  readonly ports: {
    readonly admin: number;
    readonly status: number;
    readonly readiness: number;
    readonly metrics: number;
  };
  /** Absent where nobody asked for the application's health to be reported. */
  readonly health: HealthSettings | undefined;
  /** Absent where the pod's names are not captured. */
  readonly dns: DnsSettings | undefined;
  readonly probes: Probes;
  readonly application: ApplicationScrape | undefined;
  readonly log: { readonly level: LogLevel | 'none'; readonly json: boolean };
}

export interface SettingsSource {
  readonly role: 'sidecar' | 'router';
  /** Command line flags by long name. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly podInfo: PodInfo;
  /** Addresses of the pod's interfaces, without loopback and link-local ones. */
  readonly addresses: readonly string[];
  readonly hostname: string;
  readonly cpus: number;
}

export interface ParsedSettings {
  readonly settings: ProxySettings;
  /** One line per mistake; with any of them the settings must not be used. */
  readonly problems: readonly string[];
}

export function parseProxySettings(source: SettingsSource): ParsedSettings {
  const { env, flags, podInfo } = source;
  const lines: string[] = [];
  const problems: Problems = { add: (line) => lines.push(line) };
  const read = readerOf(env, problems);

  const config = parseProxyConfig(env.PROXY_CONFIG, problems);
  const namespace = env.POD_NAMESPACE || env.ISTIO_NAMESPACE || 'default';
  const node: NodeIdentity = {
    role: source.role,
    podName: env.POD_NAME || source.hostname,
    namespace,
    addresses: orderAddresses(env.INSTANCE_IP || env.ISTIO_SVC_IP, source.addresses),
    serviceAccount: env.SERVICE_ACCOUNT || 'default',
    dnsDomain: flags.domain || `${namespace}.svc.${names.clusterDomain}`,
  };
  if (node.addresses.length === 0) problems.add('INSTANCE_IP: not set, and no interface has an address');
  const clusterId = env.ISTIO_META_CLUSTER_ID || names.cluster;
  const discovery = parseHostPort(config.discoveryAddress, istiodPorts.secureGrpc);
  if (!discovery) problems.add(`PROXY_CONFIG.discoveryAddress: "${config.discoveryAddress}" is not host:port`);
  const authority = parseHostPort(env.CA_ADDR || config.discoveryAddress, istiodPorts.secureGrpc);
  if (!authority) problems.add(`CA_ADDR: "${env.CA_ADDR}" is not host:port`);

  const annotation = (name: string) =>
    (podInfo.annotations[name] ?? '')
      .split(',')
      .map((text) => text.trim())
      .filter((text) => text !== '');
  const logLevel = parseLogLevel(flags.log_output_level || 'default:info');
  if (logLevel === undefined) problems.add(`--log_output_level: "${flags.log_output_level}" is not known`);
  const ports = {
    admin: config.adminPort,
    status: config.statusPort,
    readiness: read.number('ENVOY_STATUS_PORT', proxyPorts.health),
    metrics: read.number('ENVOY_PROMETHEUS_PORT', proxyPorts.prometheus),
  };
  const statusPath = env.SDS_SOCKET_PATH || '/var/run/secrets/workload-spiffe-uds/socket';
  const logAsJson = flags.log_as_json === 'true';

  const settings: ProxySettings = {
    node,
    nodeId: buildNodeId(node),
    serviceCluster: resolveServiceCluster(
      node,
      podInfo,
      env.ISTIO_META_WORKLOAD_NAME,
      flags.serviceCluster ?? config.serviceCluster,
    ),
    metadata: buildNodeMetadata(
      node,
      podInfo,
      env,
      {
        PROXY_CONFIG: config.raw,
        PILOT_SAN: discovery ? [discovery.host] : [],
        ENVOY_STATUS_PORT: ports.readiness,
        ENVOY_PROMETHEUS_PORT: ports.metrics,
      },
      problems,
    ),
    locality: parseLocality(podInfo.labels['istio-locality'] ?? podInfo.labels[labels.locality]),
    discovery: {
      host: discovery?.host ?? '',
      port: discovery?.port ?? 0,
      serverName: env.XDS_SNI || discovery?.host || '',
    },
    certificate: {
      address: authority ? renderHostPort(authority) : '',
      serverName: env.CA_SNI || undefined,
      clusterId,
      trustDomain: env.TRUST_DOMAIN || names.clusterDomain,
      tokenPath: env.JWT_PATH || '/var/run/secrets/tokens/istio-token',
      heldPath: env.PROV_CERT || undefined,
      output: env.OUTPUT_CERTS ? { path: env.OUTPUT_CERTS, shared: Boolean(env.KUBERNETES_SERVICE_HOST) } : undefined,
      rootPath: env.CA_ROOT_CA || '/var/run/secrets/istio/root-cert.pem',
      ttlSeconds: read.seconds('SECRET_TTL', 24 * 3600),
      grace: {
        ratio: read.ratio('SECRET_GRACE_PERIOD_RATIO', 0.5),
        spread: read.ratio('SECRET_GRACE_PERIOD_RATIO_JITTER', 0.01),
      },
      rootInterval: 1000 * read.seconds('ROOT_CERT_CHECK_INTERVAL', 10),
    },
    sdsSocketPath: statusPath,
    envoy: {
      binaryPath: config.binaryPath,
      configPath: config.configPath.startsWith('./') ? join('/', config.configPath) : config.configPath,
      concurrency: resolveConcurrency(
        flags.concurrency,
        config.concurrency,
        env.ISTIO_CPU_LIMIT,
        source.cpus,
        problems,
      ),
      logLevel: flags.proxyLogLevel || 'warning',
      componentLogLevel: flags.proxyComponentLogLevel ?? 'misc:error',
      logAsJson,
      drainTime: config.drainDuration,
      statsInclusion: {
        prefixes: [...config.statsInclusion.prefixes, ...annotation(annotations.statsInclusionPrefixes)],
        suffixes: [...config.statsInclusion.suffixes, ...annotation(annotations.statsInclusionSuffixes)],
        regexps: [...config.statsInclusion.regexps, ...annotation(annotations.statsInclusionRegexps)],
      },
      runtimeValues: config.runtimeValues,
      maxConnections: read.number('GLOBAL_DOWNSTREAM_MAX_CONNECTIONS', 2_147_483_645),
    },
    drain: {
      duration: 1000 * read.seconds('TERMINATION_DRAIN_DURATION_SECONDS', config.terminationDrainDuration),
      untilIdle: env.EXIT_ON_ZERO_ACTIVE_CONNECTIONS === 'true',
      minimum: 1000 * read.seconds('MINIMUM_DRAIN_DURATION', 5),
    },
    ports,
    health: parseHealthSettings(config.raw.readinessProbe ?? config.raw.readiness_probe, problems),
    dns: parseDnsSettings(node, env, problems),
    probes: guard('ISTIO_KUBE_APP_PROBERS', problems, () => parseProbes(env.ISTIO_KUBE_APP_PROBERS ?? '')) ?? new Map(),
    application: parseApplicationScrape(env.ISTIO_PROMETHEUS_ANNOTATIONS, ports.status, problems),
    log: { level: logLevel ?? 'info', json: logAsJson },
  };
  return { settings, problems: lines };
}

/** The pod's own address first, in whatever order the interfaces come. */
function orderAddresses(instance: string | undefined, found: readonly string[]): readonly string[] {
  return [...new Set(instance ? [instance, ...found] : found)];
}

/** Worker threads: as asked, else the CPU limit rounded up, else 2; asked for 0 means one per CPU. */
export function resolveConcurrency(
  flag: string | undefined,
  configured: number | undefined,
  cpuLimit: string | undefined,
  cpus: number,
  problems: Problems,
): number {
  const asked = flag === undefined || flag === '' ? configured : Number(flag);
  if (asked !== undefined && !(Number.isInteger(asked) && asked >= 0)) {
    problems.add(`--concurrency: "${flag}" is not a whole number`);
    return 2;
  }
  if (asked !== undefined) return asked > 0 ? asked : cpus;
  const limit = Number(cpuLimit);
  return limit > 0 ? Math.max(1, Math.ceil(limit)) : 2;
}

/** Label `istio-locality` or `topology.istio.io/locality`: `region.zone.subzone`, because a label's value cannot hold slashes. */
function parseLocality(label: string | undefined): ProxySettings['locality'] {
  const [region = '', zone = '', subzone = ''] = (label ?? '').split(label?.includes('/') ? '/' : '.');
  return { region, zone, subzone };
}

/** `{"scrape": "true", "path": "/metrics", "port": "9080"}` from the pod's prometheus.io annotations. */
function parseApplicationScrape(
  text: string | undefined,
  statusPort: number,
  problems: Problems,
): ApplicationScrape | undefined {
  const scrape = parseObject(text, 'ISTIO_PROMETHEUS_ANNOTATIONS', problems);
  if (String(scrape.scrape) !== 'true') return undefined;
  const port = Number(scrape.port || 80);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    problems.add(`ISTIO_PROMETHEUS_ANNOTATIONS.port: "${scrape.port}" is not a port`);
    return undefined;
  }
  // Annotations that were rewritten already would make the agent scrape itself.
  if (port === statusPort) return undefined;
  return { port, path: String(scrape.path || '/metrics') };
}

function guard<T>(name: string, problems: Problems, parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    problems.add(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function readerOf(env: SettingsSource['env'], problems: Problems) {
  const read = <T>(name: string, fallback: T, what: string, parse: (text: string) => T | undefined): T => {
    const text = env[name];
    if (text === undefined || text === '') return fallback;
    const value = parse(text);
    if (value === undefined) problems.add(`${name}: "${text}" is not ${what}`);
    return value ?? fallback;
  };
  const decimal = (text: string) => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined);
  return {
    number: (name: string, fallback: number) =>
      read(name, fallback, 'a whole number above 0', (text) => (/^[1-9]\d*$/.test(text) ? Number(text) : undefined)),
    /** A duration, or a bare number of seconds. */
    seconds: (name: string, fallback: number) =>
      read(name, fallback, 'a duration such as 5s', (text) => decimal(text) ?? parseDuration(text)),
    ratio: (name: string, fallback: number) =>
      read(name, fallback, 'a number from 0 to 1', (text) => {
        const value = decimal(text);
        return value !== undefined && value <= 1 ? value : undefined;
      }),
  };
}
