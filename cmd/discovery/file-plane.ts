/** Istiod without Kubernetes: objects from files; no injection, no status, certificates only where an authority is plugged in. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CallerAuthenticator,
  CertificateAuthority,
  declareCaMetrics,
  type RootStore,
  ServerCertificate,
  type TokenVerifier,
} from '#ca/index.ts';
import { createFileSource } from '#registry/index.ts';
import { type Component, LateenError, type Logger, type Metrics, runComponents, systemClock } from '#runtime/index.ts';
import type { HttpServer } from '../http-server.ts';
import type { ControlPlane } from './control-plane.ts';
import { createMesh } from './mesh.ts';
import { createServing } from './serving.ts';
import type { DiscoverySettings } from './settings.ts';
import { createTrustDomains, meshConfigMap } from './trust-domain.ts';
import { noRegistration } from './workload-reception.ts';

export interface FilePlaneOptions {
  readonly settings: DiscoverySettings;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The port of `/metrics`, which gets the debug pages and TLS where identities can be proven; none without it. */
  readonly monitoring?: Pick<HttpServer, 'delegate' | 'useCertificate'>;
}

/** Files of an authority that is plugged in, by Istio's names. */
const authorityFiles = ['ca-cert.pem', 'ca-key.pem', 'cert-chain.pem', 'root-cert.pem'];

/** What is waited for. */
const readable = 'the files, with a valid mesh configuration';
const prepared = 'the first snapshots';

export function createFilePlane(options: FilePlaneOptions): ControlPlane {
  const waiting = new Set([readable, prepared]);
  return {
    name: 'control plane',
    missing: () => [...waiting],
    run: async (signal) => {
      const { settings, logger } = options;
      const authority = await readAuthority(settings.pluggedCertificates);
      logger.info('no Kubernetes: injection, validation and status are off', {
        folder: settings.configDir,
        certificates: authority === undefined ? 'none' : settings.pluggedCertificates,
      });
      await runComponents(joinParts(options, authority, waiting), signal, {
        logger,
        shutdownMs: settings.shutdownTimeout,
      });
    },
  };
}

function joinParts(
  { settings, logger, metrics, monitoring }: FilePlaneOptions,
  store: RootStore | undefined,
  waiting: Set<string>,
): readonly Component[] {
  const clock = systemClock;
  const scoped = (scope: string) => logger.child({ scope });
  const mesh = createMesh(settings.domain, clock);
  const source = createFileSource({
    folder: settings.configDir,
    inputs: mesh.inputs,
    generations: mesh.generations,
    events: mesh.events,
    edit: (batch) => mesh.builder.edit(batch),
    clusterId: settings.clusterId,
    meshConfig: meshConfigMap(settings),
    logger: scoped('registry'),
    clock,
  });
  void source.synced.then(() => waiting.delete(readable));

  const { snapshots, debug, tidier, rehearsal, plaintext, secure } = createServing({
    ...{ settings, mesh, synced: source.synced, clock, logger, metrics },
    onRehearsed: () => waiting.delete(prepared),
    // A proxy gets secrets of its proven namespace only; there is nobody else to ask.
    secrets: { mayReadSecrets: () => Promise.resolve(true) },
    // Nobody asks before there is an authority.
    callers: { authenticate: (credentials) => callers.authenticate(credentials) },
    workloads: noRegistration,
  });
  if (store === undefined) {
    if (plaintext.length === 0)
      throw new LateenError(
        'invalid',
        `nobody could connect: name an address with --grpc-addr, or plug an authority into ${settings.pluggedCertificates}`,
      );
    return [source, snapshots, ...plaintext, rehearsal, tidier];
  }

  const caMetrics = declareCaMetrics(metrics);
  const authority = new CertificateAuthority({
    store,
    trustDomain: settings.domain,
    clock,
    logger: scoped('ca'),
    metrics: caMetrics,
    random: Math.random,
    defaultTtl: settings.workloadCertTtl,
    maxTtl: settings.maxWorkloadCertTtl,
  });
  const dnsNames = [`istiod.${settings.namespace}.svc`, 'localhost'];
  const certificate = new ServerCertificate({ authority, dnsNames, clock, logger: scoped('ca') });
  const callers = new CallerAuthenticator({
    tokens: noTokens,
    audiences: [],
    trustDomains: createTrustDomains(mesh, settings.domain),
    trust: () => authority.trust,
    clock,
  });
  certificate.onChange((pair) => monitoring?.useCertificate(pair));
  monitoring?.delegate('/debug', debug.handler);
  const port = secure({ authority, certificate, callers, caMetrics });
  return [source, authority, certificate, snapshots, ...plaintext, port, rehearsal, tidier];
}

const noTokens: TokenVerifier = {
  verify: () => Promise.resolve({ ok: false, reason: 'without Kubernetes nobody can tell whose token it is' }),
};

/** The authority in a folder; undefined when there is none. */
async function readAuthority(folder: string): Promise<RootStore | undefined> {
  const read = async (): Promise<Readonly<Record<string, string>> | undefined> => {
    const found: Record<string, string> = {};
    for (const name of authorityFiles) {
      const text = await readFile(join(folder, name), 'utf8').catch((thrown: unknown) => {
        if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
        throw LateenError.from(thrown);
      });
      if (text !== undefined) found[name] = text;
    }
    return Object.keys(found).length === 0 ? undefined : found;
  };
  if ((await read()) === undefined) return undefined;
  return {
    readPlugged: read,
    read: () => Promise.resolve(undefined),
    create: () => Promise.reject(new LateenError('unavailable', `the authority in ${folder} is gone`)),
  };
}
