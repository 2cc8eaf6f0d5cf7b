import { type KubeClient, type KubeObject, resources } from '#kube/index.ts';
import { type MeshConfigOutcome, parseMeshDocument } from '#registry/index.ts';
import { backoffDelay, LateenError, type Logger, systemClock } from '#runtime/index.ts';
import type { Mesh } from './mesh.ts';
import type { DiscoverySettings } from './settings.ts';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const defaultTrustDomain = 'cluster.local';

/** Name of a per-revision object: `istio`, `istio-canary`. */
export function revisioned(name: string, revision: string): string {
  return revision === 'default' ? name : `${name}-${revision}`;
}

/** The ConfigMap of this revision's mesh configuration. */
export function meshConfigMap({ namespace, revision }: Pick<DiscoverySettings, 'namespace' | 'revision'>) {
  return { namespace, name: revisioned('istio', revision) };
}

export interface TrustDomainOptions {
  readonly settings: DiscoverySettings;
  readonly client: KubeClient;
  readonly logger: Logger;
  /** Told of a ConfigMap that is faulty. */
  readonly onOutcome: (outcome: MeshConfigOutcome) => void;
}

/**
 * The trust domain of MeshConfig, which the certificate authority needs before anything else can start. Asks until the
 * API server answers and what it holds is valid; a mesh without a MeshConfig has the default. Rejects only when aborted.
 */
export async function readTrustDomain(options: TrustDomainOptions, signal: AbortSignal): Promise<string> {
  const { settings, client, logger } = options;
  const name = meshConfigMap(settings);
  /** Version of the faulty ConfigMap that was complained about. */
  let known: string | undefined;
  for (let failures = 1; ; failures += 1) {
    try {
      const found = await client.find<ConfigMap>(resources.configMaps, name, signal);
      const parsed = parseMeshDocument(found?.data);
      if (parsed.ok) return parsed.value.trustDomain ?? defaultTrustDomain;
      if (known !== found?.metadata.resourceVersion) {
        known = found?.metadata.resourceVersion;
        for (const { path, message } of parsed.errors)
          logger.error('the mesh configuration is not valid; nothing is served before it is', {
            ...name,
            path,
            problem: message,
          });
        options.onOutcome({ object: found, errors: parsed.errors, warnings: [], lastValidInForce: false });
      }
    } catch (thrown) {
      signal.throwIfAborted();
      logger.warn('the mesh configuration cannot be read yet', { ...name, reason: LateenError.from(thrown).message });
    }
    await systemClock.sleep(backoffDelay({ baseMs: 200, maxMs: 5_000 }, failures, Math.random), signal);
  }
}

/** The trust domain and its aliases as they are now; before the graph has a mesh configuration, those read at the start. */
export function createTrustDomains(
  { graph, inputs, model }: Pick<Mesh, 'graph' | 'inputs' | 'model'>,
  initial: string,
): () => { readonly trustDomain: string; readonly aliases: readonly string[] } {
  return () => {
    if (graph.peek(inputs.meshConfig, 'mesh') === undefined) return { trustDomain: initial, aliases: [] };
    const { trustDomain, trustDomainAliases } = graph.read(model.settings, '');
    return { trustDomain, aliases: trustDomainAliases };
  };
}
