/**
 * Certificates and control plane of a proxy on Unix sockets, which network namespaces share: it reaches them from its own
 * without a route.
 */
import { chmod } from 'node:fs/promises';
import { FileSecrets } from '#agent/sds/files.ts';
import { SecretStore } from '#agent/sds/secrets.ts';
import { SdsServer } from '#agent/sds/server.ts';
import { systemClock } from '#runtime/core/index.ts';
import type { Message } from '#wire/index.ts';

type Bootstrap = Message<'envoy.config.bootstrap.v3.Bootstrap'>;

export interface ProxyCertificates {
  readonly socketPath: string;
  /** PEM. */
  readonly chain: string;
  readonly privateKey: string;
  readonly roots: string;
}

/** Serves them as the agent does, to whoever opens the socket; resolves when that can be opened, with what runs until the signal aborts. */
export async function serveCertificates(
  { socketPath, chain, privateKey, roots }: ProxyCertificates,
  signal: AbortSignal,
): Promise<readonly Promise<void>[]> {
  const store = new SecretStore();
  store.setCertificate(chain, privateKey);
  store.setRoots(roots);
  const nothing = () => undefined;
  const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  const server = new SdsServer({ socketPath, store, log });
  const files = new FileSecrets({ store, interval: 50, clock: systemClock, log });
  const running = [server.run(signal), files.run(signal)];
  await server.listening;
  await chmod(socketPath, 0o666);
  return running;
}

/** The bootstrap with the control plane on a socket, over TLS as before or without. */
export function overSocket(bootstrap: Bootstrap, path: string, security: 'tls' | 'plaintext'): Bootstrap {
  const clusters = bootstrap.staticResources?.clusters?.map((cluster) => {
    if (cluster.name !== 'xds-grpc') return cluster;
    // A Unix socket has no TCP keepalive.
    const { transportSocket, upstreamConnectionOptions: _keepalive, ...rest } = cluster;
    return {
      ...rest,
      type: 'STATIC' as const,
      loadAssignment: {
        clusterName: 'xds-grpc',
        endpoints: [{ lbEndpoints: [{ endpoint: { address: { pipe: { path } } } }] }],
      },
      ...(security === 'tls' && transportSocket !== undefined ? { transportSocket } : {}),
    };
  });
  return { ...bootstrap, staticResources: { ...bootstrap.staticResources, clusters } };
}
