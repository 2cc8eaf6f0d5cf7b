/** `pilot-agent proxy`: Envoy beside the workload, with everything it needs. */
import { availableParallelism, hostname, networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import { LateenError } from '#runtime/core/index.ts';
import { type FlagSpecs, parseFlags, renderFlags } from '../flags.ts';
import type { Command } from '../host.ts';
import { createLogger } from '../log.ts';
import { defaultMeshFile, joinEnvironment, readMeshFile } from '../proxy/meshfile.ts';
import { readPodInfo } from '../proxy/podinfo.ts';
import { runProxy } from '../proxy/run.ts';
import { parseProxySettings } from '../proxy/settings.ts';

const flags: FlagSpecs = {
  domain: {
    kind: 'text',
    help: 'DNS domain of the pod, e.g. default.svc.cluster.local',
    default: 'from POD_NAMESPACE',
  },
  concurrency: { kind: 'text', help: 'worker threads of Envoy; 0 means one per CPU', default: 'CPU limit, or 2' },
  serviceCluster: { kind: 'text', help: 'name of the workload in Envoy’s node.cluster', default: 'app.namespace' },
  proxyLogLevel: { kind: 'text', help: 'log level of Envoy', default: 'warning' },
  proxyComponentLogLevel: { kind: 'text', help: 'log levels of Envoy’s components', default: 'misc:error' },
  meshConfig: {
    kind: 'text',
    help: 'file of mesh settings, for a machine outside of Kubernetes',
    default: defaultMeshFile,
  },
  log_output_level: {
    kind: 'text',
    help: 'log level of the agent: debug, info, warn, error, none',
    default: 'default:info',
  },
  log_as_json: { kind: 'switch', help: 'write log lines as JSON' },
};

const environment = `Environment:
  POD_NAME, POD_NAMESPACE, INSTANCE_IP, SERVICE_ACCOUNT   the pod; ISTIO_NAMESPACE and ISTIO_SVC_IP on other machines
  PROXY_CONFIG                       ProxyConfig as JSON (discoveryAddress, drainDuration, concurrency …)
  CA_ADDR                            host:port of the certificate service (default: discoveryAddress)
  TRUST_DOMAIN                       default cluster.local
  ISTIO_META_*, ISTIO_METAJSON_*     node metadata
  ISTIO_KUBE_APP_PROBERS             the application's probes, as JSON
  ISTIO_PROMETHEUS_ANNOTATIONS       where the application serves metrics, as JSON
  ISTIO_CPU_LIMIT                    CPU limit of the container
  EXIT_ON_ZERO_ACTIVE_CONNECTIONS, MINIMUM_DRAIN_DURATION, TERMINATION_DRAIN_DURATION_SECONDS
  SECRET_TTL, SECRET_GRACE_PERIOD_RATIO, SECRET_GRACE_PERIOD_RATIO_JITTER, ROOT_CERT_CHECK_INTERVAL
  ISTIO_META_DNS_CAPTURE             true: answer the application's DNS queries from the mesh's names
  DNS_PROXY_ADDR                     address and port for them (default localhost:15053)
  OUTPUT_CERTS, PROV_CERT            folders: to leave certificates in, and to renew one from where there is no valid token
  JWT_PATH, CA_ROOT_CA, SDS_SOCKET_PATH, POD_INFO_PATH    files, where they differ from Istio's
  RESOLV_CONF_PATH                   default /etc/resolv.conf
  CA_SNI, XDS_SNI                    name in the control plane's certificate, where it differs from its address
  ENVOY_STATUS_PORT, ENVOY_PROMETHEUS_PORT                default 15021, 15090
  GLOBAL_DOWNSTREAM_MAX_CONNECTIONS  bound of Envoy's connections`;

export const proxyCommand: Command = {
  usage: 'proxy sidecar|router [flags]',
  summary: 'run Envoy for the pod: certificates, configuration, health, metrics, draining',
  help: `Flags:\n${renderFlags(flags)}\n\n${environment}`,

  async run(args, host) {
    const parsed = parseFlags(args, flags);
    const [role = 'sidecar', ...more] = parsed.positionals;
    if (role !== 'sidecar' && role !== 'router')
      throw new LateenError('invalid', `"${role}" is neither sidecar nor router`);
    if (more.length > 0) throw new LateenError('invalid', `unexpected argument "${more[0]}"`);
    const meshFile = await readMeshFile(resolve('/', parsed.values.meshConfig ?? defaultMeshFile));
    const env = meshFile === undefined ? host.env : joinEnvironment(host.env, meshFile);
    const { settings, problems } = parseProxySettings({
      role,
      flags: parsed.values,
      env,
      podInfo: await readPodInfo(env.POD_INFO_PATH || '/etc/istio/pod'),
      addresses: listAddresses(),
      hostname: hostname(),
      cpus: availableParallelism(),
    });
    const log = createLogger({ ...settings.log, clock: host.clock, write: host.out });
    if (problems.length > 0) {
      for (const problem of problems) log.error('setting not valid', { problem });
      return 2;
    }
    const stop = new AbortController();
    const hurry = new AbortController();
    const forget = host.onSignal((signal) => {
      log.info('signal received', { signal });
      if (stop.signal.aborted) hurry.abort();
      else stop.abort();
    });
    log.info('agent starting', {
      nodeId: settings.nodeId,
      discovery: `${settings.discovery.host}:${settings.discovery.port}`,
    });
    try {
      await runProxy(settings, { clock: host.clock, random: host.random, log, stop, hurry: hurry.signal });
      log.info('agent stopped');
      return 0;
    } catch (error) {
      const fault = LateenError.from(error);
      log.error('agent failed', { code: fault.code, error: fault.message });
      return 1;
    } finally {
      forget();
    }
  },
};

/** Addresses that others reach the pod by. */
function listAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses
      .filter(({ internal, address }) => !internal && !address.toLowerCase().startsWith('fe80:'))
      .map(({ address }) => address),
  );
}
