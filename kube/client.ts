import type { ConnectionSource } from './connection.ts';
import { KubeError } from './errors.ts';
import type { KubeList, KubeObject, ObjectMeta } from './objects.ts';
import { apiVersionOf, type Resource, resourcePath } from './resources.ts';
import { createTransport, type KubeTransport } from './transport.ts';

/** Names one object. `namespace` is left out for cluster-scoped kinds. */
export interface ObjectName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface ListOptions {
  /** Default: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Objects per page. Default 500. */
  readonly pageSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ApplyOptions {
  /** Who owns the fields that are sent. */
  readonly fieldManager: string;
  /** Take fields from other managers instead of failing with `conflict`. */
  readonly force?: boolean;
  readonly subresource?: 'status';
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface DeleteOptions {
  /** Refuse with `conflict` unless the object still has this uid. */
  readonly uid?: string;
  /** Refuse with `conflict` when it was written since. */
  readonly resourceVersion?: string;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly signal?: AbortSignal | undefined;
}

export type PatchType =
  | 'application/merge-patch+json'
  | 'application/json-patch+json'
  | 'application/strategic-merge-patch+json';

/** What may be sent for an object: `apiVersion` and `kind` are filled in from the resource. */
export type Draft = KubeObject | { readonly metadata: ObjectMeta; readonly [field: string]: unknown };

/** Typed calls to the API server. Every failure is a `KubeError` whose `code` says what kind it is. */
export class KubeClient {
  readonly transport: KubeTransport;

  constructor(transport: KubeTransport) {
    this.transport = transport;
  }

  /** One object; fails with `not-found`. The caller names the shape it expects. */
  async get<T extends KubeObject>(
    resource: Resource,
    { namespace, name }: ObjectName,
    signal?: AbortSignal,
  ): Promise<T> {
    return (await this.transport.send({ method: 'GET', path: resourcePath(resource, namespace, name), signal })) as T;
  }

  /** One object, or undefined when it does not exist. */
  async find<T extends KubeObject>(resource: Resource, name: ObjectName, signal?: AbortSignal): Promise<T | undefined> {
    try {
      return await this.get<T>(resource, name, signal);
    } catch (thrown) {
      if (thrown instanceof KubeError && thrown.code === 'not-found') return undefined;
      throw thrown;
    }
  }

  /** A whole collection, fetched page by page. */
  async list<T extends KubeObject>(resource: Resource, options: ListOptions = {}): Promise<KubeList<T>> {
    const items: T[] = [];
    const resourceVersion = await this.readPages<T>(resource, options, (page) => {
      items.push(...page);
    });
    return { items, resourceVersion };
  }

  /**
   * Hands a collection over page by page, each when the caller is done with the one before; returns where a watch
   * may start. When the server forgets the list in between (410) this fails as `isExpired`; ask again with `pageSize: 0`.
   */
  async readPages<T extends KubeObject>(
    resource: Resource,
    options: ListOptions,
    onPage: (items: readonly T[]) => Promise<void> | void,
  ): Promise<string> {
    let next: string | undefined;
    for (;;) {
      const page = (await this.transport.send({
        method: 'GET',
        path: resourcePath(resource, options.namespace),
        query: {
          labelSelector: options.labelSelector,
          fieldSelector: options.fieldSelector,
          limit: options.pageSize === 0 ? undefined : (options.pageSize ?? 500),
          continue: next,
        },
        signal: options.signal,
      })) as { items?: T[]; metadata?: { resourceVersion?: string; continue?: string } };
      if (!Array.isArray(page.items)) throw new KubeError('unavailable', `list of ${resource.plural} has no items`);
      await onPage(page.items);
      next = page.metadata?.continue;
      if (next === undefined || next === '') return page.metadata?.resourceVersion ?? '';
    }
  }

  /** Creates an object; fails with `conflict` when it exists. */
  async create<T extends KubeObject>(resource: Resource, object: Draft, signal?: AbortSignal): Promise<T> {
    const path = resourcePath(resource, object.metadata.namespace);
    return (await this.transport.send({ method: 'POST', path, body: complete(resource, object), signal })) as T;
  }

  /** Replaces an object; with a resourceVersion in it, fails with `conflict` when it changed meanwhile. */
  async replace<T extends KubeObject>(resource: Resource, object: Draft, signal?: AbortSignal): Promise<T> {
    const path = resourcePath(resource, object.metadata.namespace, object.metadata.name);
    return (await this.transport.send({ method: 'PUT', path, body: complete(resource, object), signal })) as T;
  }

  /** Server-side apply: creates the object or takes over exactly the fields that are sent. */
  async apply<T extends KubeObject>(resource: Resource, object: Draft, options: ApplyOptions): Promise<T> {
    return (await this.transport.send({
      method: 'PATCH',
      path: resourcePath(resource, object.metadata.namespace, object.metadata.name, options.subresource),
      query: {
        fieldManager: options.fieldManager,
        force: options.force === true ? true : undefined,
        dryRun: options.dryRun === true ? 'All' : undefined,
      },
      contentType: 'application/apply-patch+yaml',
      body: complete(resource, object),
      signal: options.signal,
    })) as T;
  }

  /** Server-side apply of the status subresource. */
  async applyStatus<T extends KubeObject>(
    resource: Resource,
    object: Draft,
    options: Omit<ApplyOptions, 'subresource'>,
  ): Promise<T> {
    return await this.apply<T>(resource, object, { ...options, subresource: 'status' });
  }

  /** Patches an object; `fieldManager` names who did it. */
  async patch<T extends KubeObject>(
    resource: Resource,
    { namespace, name }: ObjectName,
    patch: unknown,
    options: {
      readonly type?: PatchType;
      readonly fieldManager?: string;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<T> {
    return (await this.transport.send({
      method: 'PATCH',
      path: resourcePath(resource, namespace, name),
      query: { fieldManager: options.fieldManager },
      contentType: options.type ?? 'application/merge-patch+json',
      body: patch,
      signal: options.signal,
    })) as T;
  }

  /** Deletes an object; returns false when there was none. */
  async delete(resource: Resource, { namespace, name }: ObjectName, options: DeleteOptions = {}): Promise<boolean> {
    const { uid, resourceVersion } = options;
    const preconditions = {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    try {
      await this.transport.send({
        method: 'DELETE',
        path: resourcePath(resource, namespace, name),
        body: {
          kind: 'DeleteOptions',
          apiVersion: 'v1',
          propagationPolicy: options.propagationPolicy ?? 'Background',
          ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
        },
        signal: options.signal,
      });
      return true;
    } catch (thrown) {
      if (thrown instanceof KubeError && thrown.code === 'not-found') return false;
      throw thrown;
    }
  }

  /** The server's version, e.g. `v1.36.3`; also a cheap way to see whether it answers. */
  async readVersion(signal?: AbortSignal): Promise<string> {
    const answer = (await this.transport.send({ method: 'GET', path: '/version', signal })) as { gitVersion?: string };
    return answer.gitVersion ?? '';
  }

  async close(): Promise<void> {
    await this.transport.close();
  }
}

export function createKubeClient(source: ConnectionSource, options: { readonly userAgent?: string } = {}): KubeClient {
  return new KubeClient(createTransport(source, { userAgent: options.userAgent ?? 'lateen' }));
}

/** The same client, but every call that writes fails with `aborted` once `mayWrite` says no (a leader that lost its lease). */
export function createFencedClient(client: KubeClient, mayWrite: () => boolean): KubeClient {
  const { transport } = client;
  return new KubeClient({
    async send(call) {
      if (call.method !== 'GET' && !mayWrite())
        throw new KubeError('aborted', `${call.method} ${call.path}: no longer allowed to write`);
      return await transport.send(call);
    },
    stream: (call) => transport.stream(call),
    close: () => transport.close(),
  });
}

function complete(resource: Resource, object: Draft): KubeObject {
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
}
