import { names } from '#api/constants.ts';
import { cacheKind, type KubeClient, KubeError, type KubeObject, resources, trimMetadata } from '#kube/index.ts';
import { type Clock, type Component, createWorkQueue, type Logger, silentLogger } from '#runtime/index.ts';

/** Which namespaces belong to the mesh; cmd/ joins it to the registry. */
export interface NamespaceFilter {
  admits(namespace: string): boolean;
  /** Calls the listener when that may have changed for some; returns how to stop. */
  onChange(listener: () => void): () => void;
}

export interface RootCertificateOptions {
  readonly client: KubeClient;
  /** The roots to be trusted, PEM; during a rotation old and new. */
  readonly root: () => string;
  /** Called once at start with a function to be called whenever `root()` has changed; returns how to stop that. */
  readonly onRootChange?: (changed: () => void) => () => void;
  /** Namespaces that get it; all when absent. One that leaves the mesh keeps what it has, because its pods still mount it. */
  readonly namespaces?: NamespaceFilter;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: () => number;
}

interface RootConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const rootCertificateManager = 'istiod/root-certificate';

/**
 * Keeps ConfigMap `istio-ca-root-cert` in every namespace of the mesh as it should be: workloads mount it to know istiod by. Run it
 * only while leading. A namespace that is being deleted is left alone.
 */
export function createRootCertificates(options: RootCertificateOptions): Component {
  const { client, logger = silentLogger, random = Math.random } = options;
  const onTrouble = ({ error }: { readonly error: Error }) => logger.warn('watch interrupted', { error });
  const queue = createWorkQueue({
    name: 'root certificates',
    workers: 4,
    reconcile: apply,
    random,
    logger,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  const namespaces = cacheKind<KubeObject>({
    client,
    resource: resources.namespaces,
    trim: trimNamespace,
    onChanges: (changes) => {
      for (const { type, object } of changes) if (type === 'set') queue.add(object.metadata.name);
    },
    onTrouble,
    random,
  });
  const configMaps = cacheKind<RootConfigMap>({
    client,
    resource: resources.configMaps,
    fieldSelector: `metadata.name=${names.caRootConfigMap}`,
    trim: trimConfigMap,
    onChanges: (changes) => {
      for (const { object } of changes) queue.add(object.metadata.namespace ?? '');
    },
    onTrouble,
    random,
  });

  async function apply(namespace: string, signal: AbortSignal): Promise<void> {
    const live = namespaces.get(namespace);
    if (live === undefined || live.metadata.deletionTimestamp !== undefined) return;
    if (options.namespaces?.admits(namespace) === false) return;
    const wanted = options.root();
    if (configMaps.get(`${namespace}/${names.caRootConfigMap}`)?.data?.[names.caRootKey] === wanted) return;
    const metadata = { namespace, name: names.caRootConfigMap, labels: { 'istio.io/config': 'true' } };
    try {
      await client.apply(
        resources.configMaps,
        { metadata, data: { [names.caRootKey]: wanted } },
        { fieldManager: rootCertificateManager, force: true, signal },
      );
    } catch (thrown) {
      if (!isNamespaceGoing(thrown)) throw thrown;
    }
  }

  return {
    name: 'root certificates',
    async run(signal) {
      const ending = new AbortController();
      const until = AbortSignal.any([signal, ending.signal]);
      const addAll = () => {
        for (const { metadata } of namespaces.values()) queue.add(metadata.name);
      };
      const stops = [options.onRootChange?.(addAll), options.namespaces?.onChange(addAll)];
      const watches = [configMaps.run(until), namespaces.run(until)];
      try {
        // Without knowing what is there, every namespace would be written once for nothing.
        await Promise.race([Promise.all([configMaps.whenSynced(until), namespaces.whenSynced(until)]), ...watches]);
        await Promise.race([queue.run(until), ...watches]);
      } catch (thrown) {
        if (!signal.aborted) throw thrown;
      } finally {
        for (const stopListening of stops) stopListening?.();
        ending.abort();
        await Promise.allSettled(watches);
      }
    },
  };
}

function trimNamespace({ metadata }: KubeObject): KubeObject {
  return { metadata: trimMetadata(metadata, ['uid', 'resourceVersion', 'deletionTimestamp']) };
}

function trimConfigMap({ metadata, data }: RootConfigMap): RootConfigMap {
  return {
    metadata: trimMetadata(metadata, ['namespace', 'uid', 'resourceVersion']),
    ...(data === undefined ? {} : { data }),
  };
}

/** The namespace vanished, or is about to, between our looking and writing. */
function isNamespaceGoing(thrown: unknown): boolean {
  if (!(thrown instanceof KubeError)) return false;
  return (
    thrown.code === 'not-found' ||
    thrown.status.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true
  );
}
