/** A proxy on a real Envoy that comes with a certificate of the control plane's, on a way that can be interrupted. */
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { bootstrapDefaults } from '#envoy/bootstrap/index.ts';
import { type RunningEnvoy, startEnvoy } from '#test/support/envoy.ts';
import { type Istiod, requestCertificate } from '#test/support/istiod.ts';
import type { NetworkPair } from '#test/support/netns.ts';
import { buildPodBootstrap, type PodProxy } from '#test/support/podbootstrap.ts';
import { overSocket, serveCertificates } from '#test/support/proxysockets.ts';
import { type Relay, startRelay } from '#test/support/relay.ts';

/** As the agent runs Envoy. */
export const drainSeconds = 45;

export interface ProxyShape extends Pick<PodProxy, 'type' | 'pod' | 'namespace' | 'serviceAccount' | 'labels'> {
  readonly inside: 'pod' | 'peer';
  /** Whose way of asking for names it has: Envoy's own takes much longer. */
  readonly resolver: Resolver;
}

export type Resolver = 'agent' | 'envoy';

const resolvers: Readonly<Record<Resolver, NonNullable<PodProxy['dnsQuery']>>> = {
  agent: bootstrapDefaults.dnsQuery,
  envoy: { timeoutSeconds: 5, tries: 4 },
};

export interface WaitingProxy extends RunningEnvoy {
  /** Its way to the control plane. */
  readonly path: Relay;
}

export interface Place {
  readonly network: NetworkPair;
  readonly istiod: Istiod;
  /** For sockets. */
  readonly folder: string;
}

/** Starts it and waits until it serves. */
export async function startProxy({ network, istiod, folder }: Place, shape: ProxyShape): Promise<WaitingProxy> {
  const { pod, namespace, serviceAccount, inside, resolver } = shape;
  const ip = network.addresses[inside];
  const token = await istiod.token(namespace, serviceAccount);
  const { chain, key } = await requestCertificate(istiod, token, namespace, serviceAccount);
  const stopping = new AbortController();
  const sds = join(folder, `${pod}-sds.sock`);
  const xds = join(folder, `${pod}-xds.sock`);
  const serving = await serveCertificates(
    { socketPath: sds, chain, privateKey: key, roots: istiod.roots },
    stopping.signal,
  );
  const path = await startRelay(istiod.securePort, xds);
  await chmod(xds, 0o666);
  const bootstrap = buildPodBootstrap({ ...shape, ip, dnsQuery: resolvers[resolver] }, sds);
  const close = async () => {
    await path.stop();
    stopping.abort();
    await Promise.all(serving);
  };
  try {
    const envoy = await startEnvoy(overSocket(bootstrap, xds, 'tls'), {
      within: network.command(inside, 1337),
      args: ['--drain-time-s', String(drainSeconds), '--drain-strategy', 'immediate'],
      // One host that does not resolve keeps it from that for a minute.
      deadlineMs: 120_000,
    });
    const stop = async () => {
      await envoy.stop();
      await close();
    };
    return { ...envoy, path, stop };
  } catch (error) {
    await close();
    throw error;
  }
}
