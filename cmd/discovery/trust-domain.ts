import { parse } from 'yaml';
import { parseMeshConfig } from '#api/index.ts';
import { type KubeClient, type KubeObject, resources } from '#kube/index.ts';
import { backoffDelay, LateenError, type Logger, systemClock } from '#runtime/index.ts';
import type { DiscoverySettings } from './settings.ts';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const defaultTrustDomain = 'cluster.local';

/** Name of a per-revision object: `istio`, `istio-canary`. */
export function revisioned(name: string, revision: string): string {
  return revision === 'default' ? name : `${name}-${revision}`;
}

/**
 * The trust domain of MeshConfig, which the certificate authority needs before anything else can start. Asks until the
 * API server answers; a mesh without a MeshConfig, or with one that is not valid, has the default.
 */
export async function readTrustDomain(
  options: { readonly settings: DiscoverySettings; readonly client: KubeClient; readonly logger: Logger },
  signal: AbortSignal,
): Promise<string> {
  const { settings, client, logger } = options;
  const name = { namespace: settings.namespace, name: revisioned('istio', settings.revision) };
  for (let failures = 1; ; failures += 1) {
    try {
      const found = await client.find<ConfigMap>(resources.configMaps, name, signal);
      const parsed = parseMeshConfig(parse(found?.data?.mesh ?? '') ?? {});
      return parsed.ok ? (parsed.value.trustDomain ?? defaultTrustDomain) : defaultTrustDomain;
    } catch (thrown) {
      if (signal.aborted) return defaultTrustDomain;
      logger.warn('the mesh configuration cannot be read yet', { ...name, reason: LateenError.from(thrown).message });
      await systemClock
        .sleep(backoffDelay({ baseMs: 200, maxMs: 5_000 }, failures, Math.random), signal)
        .catch((reason: unknown) => {
          if (!signal.aborted) throw reason;
        });
    }
  }
}
