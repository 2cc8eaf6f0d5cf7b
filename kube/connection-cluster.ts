import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, LateenError, systemClock } from '#runtime/core/index.ts';
import type { Connection, ConnectionSource } from './connection.ts';

/** Where the kubelet mounts a pod's service account. */
export const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface ClusterConnectionOptions {
  /** Values of KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT. */
  readonly host: string;
  readonly port: string;
  readonly directory?: string;
  readonly clock?: Clock;
}

const rereadAfterMs = 60_000;

/** The connection of a pod: token and CA from the mounted service account, read again every minute since both rotate. */
export function createClusterConnection(options: ClusterConnectionOptions): ConnectionSource {
  const directory = options.directory ?? serviceAccountDirectory;
  const clock = options.clock ?? systemClock;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  let cached: { readonly at: number; readonly connection: Connection } | undefined;

  async function readAll(): Promise<Connection> {
    const [token, ca, namespace] = await Promise.all(
      ['token', 'ca.crt', 'namespace'].map((file) => readFile(join(directory, file), 'utf8')),
    );
    return {
      server: `https://${host}:${options.port}`,
      tls: { ca: ca ?? '' },
      authorization: `Bearer ${(token ?? '').trim()}`,
      namespace: (namespace ?? '').trim(),
    };
  }

  return {
    async read() {
      if (cached !== undefined && clock.monotonic() - cached.at < rereadAfterMs) return cached.connection;
      try {
        cached = { at: clock.monotonic(), connection: await readAll() };
      } catch (thrown) {
        if (cached === undefined)
          throw new LateenError('unavailable', `reading service account files in ${directory}`, { cause: thrown });
      }
      return cached.connection;
    },
  };
}
