/** Joins the parts of `pilot-agent proxy` and keeps them running until Envoy has drained and stopped. */
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { bootstrapDefaults, buildBootstrap } from '#envoy/bootstrap/index.ts';
import { type Clock, type Component, LateenError, MemoryTidier, untilAborted } from '#runtime/core/index.ts';
import { connectAuthority } from '../certificate/authority.ts';
import { buildSpiffeId } from '../certificate/csr.ts';
import { privateAccess, sharedAccess, writeOutput } from '../certificate/output.ts';
import { TrustBundle } from '../certificate/trust.ts';
import { WorkloadCertificate } from '../certificate/workload.ts';
import { type Credentials, OwnStream, type Topic } from '../discovery/ownstream.ts';
import { createDnsProxy, type DnsProxy } from '../dns/index.ts';
import { createHealthReport } from '../health/index.ts';
import type { Logger } from '../log.ts';
import { FileSecrets } from '../sds/files.ts';
import { rootSecret, SecretStore, workloadSecret } from '../sds/secrets.ts';
import { SdsServer } from '../sds/server.ts';
import { AgentMetrics } from '../status/metrics.ts';
import { Readiness } from '../status/readiness.ts';
import { StatusServer } from '../status/server.ts';
import { EnvoyAdmin } from './admin.ts';
import { buildArguments } from './arguments.ts';
import { drainEnvoy } from './drain.ts';
import type { ProxySettings } from './settings.ts';
import { EnvoySupervisor } from './supervisor.ts';

export interface ProxyEnvironment {
  readonly clock: Clock;
  /** 0 up to 1. */
  readonly random: () => number;
  readonly log: Logger;
  /** Drain, then end. */
  readonly stop: AbortController;
  /** End at once. */
  readonly hurry: AbortSignal;
}

const certificateDeadline = 10_000;
const adminDeadline = 5_000;

/** Resolves when all is released; rejects with the fault that ended it. */
export async function runProxy(settings: ProxySettings, environment: ProxyEnvironment): Promise<void> {
  const { clock, random, log, stop, hurry } = environment;
  const startedAt = clock.monotonic();
  const families = resolveFamilies(settings.node.addresses);
  const store = new SecretStore();
  const metrics = buildMetrics();
  const admin = new EnvoyAdmin({
    host: families.includes('ipv4') ? '127.0.0.1' : '::1',
    port: settings.ports.admin,
    ownPorts: [settings.ports.readiness, settings.ports.metrics],
    deadline: adminDeadline,
  });
  const readiness = new Readiness(admin, () =>
    dns !== undefined && !dns.table.complete ? 'no name table yet from the control plane' : '',
  );

  const trust = new TrustBundle({
    path: settings.certificate.rootPath,
    interval: settings.certificate.rootInterval,
    clock,
    log,
    onChange: (bundle) => store.setRoots(bundle),
    // A certificate from a root that was taken away is worth nothing to others.
    onFile: () => {
      if (issuedRoot !== '' && !trust.holds(issuedRoot)) certificate.renew();
    },
  });
  let issuedRoot = '';
  let identity: Omit<Credentials, 'roots'> | undefined;
  const certificate = buildCertificate(settings, environment, trust, metrics, (issued) => {
    issuedRoot = issued.root;
    identity = { chain: issued.chain, privateKey: issued.privateKey };
    store.setCertificate(issued.chain, issued.privateKey);
    trust.setNamed(issued.root);
    tidy.request();
  });
  const tidy = new MemoryTidier(clock);
  const dns = await startDns(settings, environment, {
    metrics,
    onUpdate: () => tidy.request(),
  });
  const own = joinOwnStream(settings, environment, {
    readiness,
    dns,
    credentials: () => (identity === undefined ? undefined : { ...identity, roots: trust.bundle }),
  });
  const sds = new SdsServer({ socketPath: settings.sdsSocketPath, store, log });
  const files = new FileSecrets({ store, interval: settings.certificate.rootInterval, clock, log });
  const status = new StatusServer({
    port: settings.ports.status,
    podAddress: settings.node.addresses[0] ?? '127.0.0.1',
    admin,
    readiness,
    application: settings.application,
    metrics,
    probes: settings.probes,
    log,
    describe: () => ({
      nodeId: settings.nodeId,
      serviceCluster: settings.serviceCluster,
      metadata: settings.metadata,
      secrets: [...new Set([workloadSecret, rootSecret, ...store.wanted])].map((name) => ({
        name,
        version: store.get(name)?.version ?? '',
      })),
      ...(dns === undefined ? {} : { names: dns.table.size }),
    }),
    quit: () => stop.abort(),
  });
  const supervisor = new EnvoySupervisor({
    binaryPath: settings.envoy.binaryPath,
    args: buildArguments(settings.envoy, await writeBootstrap(settings, families), !families.includes('ipv4')),
    clock,
    random,
    log,
    onStart: () => {
      readiness.reset();
      metrics.add('envoyStarts');
    },
    drain: async (signal) => {
      readiness.close('the proxy is draining');
      await drainEnvoy({ admin, role: settings.node.role, settings: settings.drain, clock, log }, signal);
    },
    hurry,
  });
  let startup: number | undefined;
  readiness.onReady(() => {
    // Envoy may be started again long after the pod.
    startup ??= (clock.monotonic() - startedAt) / 1000;
    metrics.set('startup', startup);
    tidy.request();
  });

  const services = [trust, certificate, files, sds, status, tidy, ...own];
  await runTogether(supervisor, services, stop, sds.listening);
}

/** Undefined where names are not captured. */
async function startDns(
  settings: ProxySettings,
  { clock, random, log }: ProxyEnvironment,
  parts: Pick<Parameters<typeof createDnsProxy>[0], 'metrics' | 'onUpdate'>,
): Promise<DnsProxy | undefined> {
  const { dns } = settings;
  return dns === undefined
    ? undefined
    : createDnsProxy({ ...parts, settings: { ...settings, dns }, clock, random, log });
}

interface OwnStreamParts {
  readonly readiness: Readiness;
  readonly dns: DnsProxy | undefined;
  /** Undefined until there is a certificate. */
  readonly credentials: () => Credentials | undefined;
}

/** What the agent itself has to do with the control plane: names and health, on a stream where there is something to say. */
function joinOwnStream(
  settings: ProxySettings,
  { clock, random, log }: ProxyEnvironment,
  { readiness, dns, credentials }: OwnStreamParts,
): readonly Component[] {
  const health =
    settings.health === undefined
      ? undefined
      : createHealthReport({
          ...{ settings: settings.health, address: settings.node.addresses[0] ?? '127.0.0.1', readiness, clock, log },
          say: (typeUrl, request) => stream.say(typeUrl, request),
        });
  const topics: readonly Topic[] = [
    ...(dns === undefined ? [] : [dns.topic]),
    ...(health === undefined ? [] : [health.topic]),
  ];
  const stream = new OwnStream({
    ...{ discovery: settings.discovery, credentials, topics, clock, random, log },
    node: { id: settings.nodeId, metadata: settings.metadata },
  });
  return [
    ...(dns === undefined ? [] : [dns.server]),
    ...(health === undefined ? [] : [health.check]),
    ...(topics.length === 0 ? [] : [stream]),
  ];
}

/** The others serve Envoy until its very end; a fault of any ends all. */
async function runTogether(
  supervisor: Component,
  services: readonly Component[],
  stop: AbortController,
  prepared: Promise<void>,
): Promise<void> {
  const ending = new AbortController();
  const faults: unknown[] = [];
  const guard = async (component: Component, signal: AbortSignal) => {
    try {
      await component.run(signal);
    } catch (error) {
      faults.push(
        new LateenError('internal', `${component.name}: ${LateenError.from(error).message}`, { cause: error }),
      );
      stop.abort();
      ending.abort();
    }
  };
  const running = services.map((service) => guard(service, ending.signal));
  await Promise.race([prepared, untilAborted(ending.signal)]);
  if (!stop.signal.aborted) await guard(supervisor, stop.signal);
  ending.abort();
  await Promise.all(running);
  if (faults.length > 0) throw faults[0];
}

function buildCertificate(
  settings: ProxySettings,
  { clock, random, log }: ProxyEnvironment,
  trust: TrustBundle,
  metrics: AgentMetrics,
  onIssued: ConstructorParameters<typeof WorkloadCertificate>[0]['onIssued'],
): WorkloadCertificate {
  const { node, certificate } = settings;
  const { output } = certificate;
  let written = Promise.resolve();
  return new WorkloadCertificate({
    uri: buildSpiffeId(certificate.trustDomain, node.namespace, node.serviceAccount),
    request: connectAuthority({ ...certificate, deadline: certificateDeadline }),
    readRoots: async () => {
      await trust.refresh();
      return trust.bundle;
    },
    tokenPath: certificate.tokenPath,
    heldPath: certificate.heldPath,
    grace: certificate.grace,
    clock,
    random,
    log,
    onIssued: (issued) => {
      metrics.add('certificateRequests', { request_type: 'csr' });
      metrics.set('certificateExpiry', () => Math.round((issued.notAfter - clock.now()) / 1000), {
        resource_name: workloadSecret,
      });
      if (output !== undefined)
        written = written
          .then(() => writeOutput(output.path, issued, output.shared ? sharedAccess : privateAccess))
          .catch((thrown: unknown) =>
            log.error('the certificate cannot be written', { error: LateenError.from(thrown).message }),
          );
      onIssued(issued);
    },
    onFailure: () => metrics.add('certificateFailures', { request_type: 'csr' }),
  });
}

function buildMetrics(): AgentMetrics {
  const metrics = new AgentMetrics();
  metrics.set('memory', () => process.memoryUsage.rss());
  metrics.set('cpu', () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6);
  return metrics;
}

function resolveFamilies(addresses: readonly string[]): readonly ('ipv4' | 'ipv6')[] {
  const families = [...new Set(addresses.map((address) => (isIPv6(address) ? ('ipv6' as const) : ('ipv4' as const))))];
  return families.length === 0 ? ['ipv4'] : families;
}

/** Writes the file whole or not at all, readable by this user only; gives its path. */
async function writeBootstrap(settings: ProxySettings, addressFamilies: readonly ('ipv4' | 'ipv6')[]): Promise<string> {
  const { envoy, ports } = settings;
  const bootstrap = buildBootstrap({
    ...bootstrapDefaults,
    nodeId: settings.nodeId,
    cluster: settings.serviceCluster,
    metadata: settings.metadata,
    locality: settings.locality,
    discovery: settings.discovery,
    addressFamilies,
    sds: { socketPath: settings.sdsSocketPath, certificate: workloadSecret, rootCertificate: rootSecret },
    adminPort: ports.admin,
    prometheusPort: ports.metrics,
    readinessPort: ports.readiness,
    agentPort: ports.status,
    maxDownstreamConnections: envoy.maxConnections,
    statsInclusion: envoy.statsInclusion,
    runtimeValues: envoy.runtimeValues,
  });
  const path = join(envoy.configPath, 'envoy-rev.json');
  await mkdir(envoy.configPath, { recursive: true });
  await writeFile(`${path}.new`, JSON.stringify(bootstrap));
  await chmod(`${path}.new`, 0o600);
  await rename(`${path}.new`, path);
  return path;
}
