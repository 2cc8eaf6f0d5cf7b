import operatorPackage, {
  type OperatorLogger,
  type ResourceEvent,
  ResourceEventType,
  type ResourceMeta,
  ResourceMetaImpl,
} from '@dot-i/k8s-operator';
import {
  apiVersionOf,
  cacheKind,
  type KindCache,
  type KubeClient,
  type KubeObject,
  objectKey,
  type Resource,
  resourcePath,
  resources,
} from '#kube/index.ts';
import { type Component, createWorkQueue, LateenError, type Logger, type WorkQueue } from '#runtime/index.ts';
import { readDefinition } from './definition.ts';

export { type ResourceEvent, ResourceEventType, type ResourceMeta };

export interface KubeOperatorOptions {
  readonly client: KubeClient;
  /** The kinds that may be watched, by what `watchResource` is called with. */
  readonly kinds: readonly Resource[];
  /** Owns the status that is written. */
  readonly statusManager: string;
  readonly logger: Logger;
  readonly random: () => number;
  /** Objects worked on at once. Default 4. */
  readonly workers?: number;
}

interface Watched {
  readonly resource: Resource;
  readonly cache: KindCache<KubeObject>;
  readonly onEvent: (event: ResourceEvent) => Promise<void>;
  /** Last states of objects that are gone and whose deletion nobody has been told yet. */
  readonly gone: Map<string, KubeObject>;
  /** Objects that somebody has been told of. */
  readonly told: Set<string>;
}

/**
 * `@dot-i/k8s-operator` over our own door to the API server. The class, its life (`init`, `start`, `stop`), its events
 * and `handleResourceFinalizer` are the package's; everything that in it ends the process, forgets an event or writes
 * without looking is overridden:
 * - watches resume, list again and back off (`kube/`) instead of calling `process.exit`;
 * - events go through a keyed queue with parallel workers: only the newest state of an object is delivered, never two at
 *   once for one object, and again when the handler fails;
 * - status and definitions are written by server-side apply, finalizers only if the object has not changed meanwhile.
 */
export abstract class KubeOperator extends operatorPackage.default implements Component {
  abstract readonly name: string;
  protected readonly client: KubeClient;
  readonly #options: KubeOperatorOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #queue: WorkQueue;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[] = [];
  /** What the API server said, by the package's shape of it. */
  readonly #sources = new WeakMap<object, KubeObject>();
  #failure: LateenError | undefined;

  constructor(options: KubeOperatorOptions) {
    super(adaptLogger(options.logger));
    this.client = options.client;
    this.#options = options;
    this.#queue = createWorkQueue({
      name: 'operator',
      workers: options.workers ?? 4,
      reconcile: (key) => this.#deliver(key),
      backoff: { baseMs: 100, maxMs: 30_000 },
      random: options.random,
      logger: options.logger,
    });
  }

  /** Starts, works until the signal aborts, stops. Rejects only on a bug. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.stop();
    if (signal.aborted) return;
    signal.addEventListener('abort', stop, { once: true });
    try {
      await this.start();
    } catch (thrown) {
      if (!this.#stopping.signal.aborted) this.#fail(thrown);
    }
    // Stopping settles everything that runs; what began meanwhile is waited for too.
    for (const running of this.#running) await running;
    signal.removeEventListener('abort', stop);
    if (this.#failure !== undefined) throw this.#failure;
  }

  override async start(): Promise<void> {
    this.runBeside(this.#queue);
    await super.start();
  }

  override stop(): void {
    this.#stopping.abort(new LateenError('aborted', 'the operator stops'));
  }

  /** Aborts when the operator stops. */
  protected get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Runs something for as long as the operator; if it fails the operator stops and fails with it. */
  protected runBeside(component: Component): void {
    this.#running.push(component.run(this.#stopping.signal).catch((thrown: unknown) => this.#fail(thrown)));
  }

  /** Has an object delivered again, now or after a while. */
  protected requeue(resource: Resource, key: string, afterMs = 0): void {
    this.#queue.addAfter(`${identify(resource)} ${key}`, afterMs);
  }

  /** The whole object that an event is about. */
  protected source(event: ResourceEvent): KubeObject {
    const source = this.#sources.get(event.object);
    if (source === undefined) throw new LateenError('internal', `no such event: ${event.meta.id} ${event.meta.name}`);
    return source;
  }

  /** All objects of a watched kind. */
  protected objects(resource: Resource): Iterable<KubeObject> {
    return this.#watched.get(identify(resource))?.cache.values() ?? [];
  }

  protected override async registerCustomResourceDefinition(
    crdFile: string,
  ): ReturnType<InstanceType<typeof operatorPackage.default>['registerCustomResourceDefinition']> {
    const definition = await readDefinition(crdFile);
    const { group, versions, names } = definition.spec;
    await this.client.apply(resources.customResourceDefinitions, definition, {
      fieldManager: this.#options.statusManager,
      force: true,
      signal: this.stopping,
    });
    return { group, versions, plural: names.plural };
  }

  protected override getCustomResourceApiUri(
    group: string,
    version: string,
    plural: string,
    namespace?: string,
  ): string {
    return resourcePath(this.#find(group, version, plural), namespace);
  }

  protected override async watchResource(
    group: string,
    version: string,
    plural: string,
    onEvent: (event: ResourceEvent) => Promise<void>,
    namespace?: string,
  ): Promise<void> {
    const resource = this.#find(group, version, plural);
    const id = identify(resource);
    const gone = new Map<string, KubeObject>();
    const cache = cacheKind<KubeObject>({
      client: this.client,
      resource,
      namespace,
      onChanges: (changes) => {
        for (const { type, object } of changes) {
          if (type === 'delete') gone.set(objectKey(object), object);
          else gone.delete(objectKey(object));
          this.#queue.add(`${id} ${objectKey(object)}`);
        }
      },
      onTrouble: ({ error, retryInMs, kindMissing }) =>
        this.#options.logger.warn(kindMissing ? 'kind is not there yet' : 'watch interrupted', {
          kind: id,
          error: error.message,
          retryInMs,
        }),
      random: this.#options.random,
    });
    this.#watched.set(id, { resource, cache, onEvent, gone, told: new Set() });
    this.runBeside(cache);
  }

  protected override async setResourceStatus(meta: ResourceMeta, status: unknown): Promise<ResourceMeta | null> {
    const resource = this.#byMeta(meta);
    const { name, namespace } = meta;
    const object = { metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, status };
    const written = await this.client.applyStatus<KubeObject>(resource, object, {
      fieldManager: this.#options.statusManager,
      force: true,
      signal: this.stopping,
    });
    return ResourceMetaImpl.createWithId(meta.id, toPackageObject(resource, written));
  }

  /** By server-side apply there is no difference: what is not sent is given up. */
  protected override async patchResourceStatus(meta: ResourceMeta, status: unknown): Promise<ResourceMeta | null> {
    return await this.setResourceStatus(meta, status);
  }

  /** Fails with `conflict` when the object has changed, so that nobody else's finalizer is lost. */
  protected override async setResourceFinalizers(meta: ResourceMeta, finalizers: string[]): Promise<void> {
    const patch = { metadata: { finalizers, resourceVersion: meta.resourceVersion } };
    await this.client.patch(this.#byMeta(meta), meta, patch, {
      fieldManager: this.#options.statusManager,
      signal: this.stopping,
    });
  }

  async #deliver(queueKey: string): Promise<void> {
    const [id = '', key = ''] = queueKey.split(' ');
    const watched = this.#watched.get(id);
    const present = watched?.cache.get(key);
    const object = present ?? watched?.gone.get(key);
    if (watched === undefined || object === undefined) return;
    const type =
      present === undefined
        ? ResourceEventType.Deleted
        : watched.told.has(key)
          ? ResourceEventType.Modified
          : ResourceEventType.Added;
    const own = toPackageObject(watched.resource, object);
    this.#sources.set(own, object);
    await watched.onEvent({ type, object: own, meta: ResourceMetaImpl.createWithId(id, own) });
    if (present !== undefined) {
      watched.told.add(key);
    } else if (watched.gone.get(key) === object) {
      watched.gone.delete(key);
      watched.told.delete(key);
    }
  }

  #find(group: string, version: string, plural: string): Resource {
    const found = this.#options.kinds.find(
      (kind) => kind.group === group && kind.version === version && kind.plural === plural,
    );
    if (found === undefined)
      throw new LateenError('internal', `${plural}.${group}/${version} is not among the operator's kinds`);
    return found;
  }

  #byMeta(meta: ResourceMeta): Resource {
    const resource = this.#watched.get(meta.id)?.resource;
    if (resource === undefined) throw new LateenError('internal', `${meta.id} is not watched`);
    return resource;
  }

  #fail(thrown: unknown): void {
    this.#failure ??= LateenError.from(thrown);
    this.stop();
  }
}

function identify(resource: Resource): string {
  return `${resource.plural}.${apiVersionOf(resource)}`;
}

/** What the package reads of an object, as its own type: a copy, because its helpers change what they are given. */
function toPackageObject(resource: Resource, { metadata }: KubeObject): ResourceEvent['object'] {
  const { name, namespace, uid, resourceVersion, finalizers, deletionTimestamp } = metadata;
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp: new Date(deletionTimestamp) }),
    },
  };
}

function adaptLogger(logger: Logger): OperatorLogger {
  return {
    debug: (message) => logger.debug('operator package', { text: message }),
    info: (message) => logger.info('operator package', { text: message }),
    warn: (message) => logger.warn('operator package', { text: message }),
    error: (message) => logger.error('operator package', { text: message }),
  };
}
