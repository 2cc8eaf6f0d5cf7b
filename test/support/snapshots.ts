/** A snapshot source that serves what a test puts into it, the same to every proxy. */
import { createHash } from 'node:crypto';
import { encode, type Message, type TypeName, typeUrl } from '#wire/index.ts';
import type { DeliveryObserver, Proxy as MeshProxy, ServedResource, Snapshot, SnapshotSource } from '#xds/index.ts';

/** Encodes a message as it would be served; the version is a hash of its bytes. */
export function serve<T extends TypeName>(
  type: T,
  name: string,
  message: Message<T>,
  more: Pick<Partial<ServedResource>, 'needs' | 'endpointsName' | 'routeNames' | 'claims'> = {},
): ServedResource {
  const bytes = encode(type, message);
  const version = createHash('sha256').update(bytes).digest('base64url').slice(0, 16);
  return { typeUrl: typeUrl(type), name, version, bytes, needs: [], ...more };
}

export class MemorySource implements SnapshotSource {
  readonly proxies: MeshProxy[] = [];
  readonly #subscribers = new Set<() => void>();
  #secrets: ReadonlyMap<string, ServedResource> = new Map();
  #snapshot: Snapshot | undefined;
  #revision = 0;

  /** Serves exactly these from now on. Types whose resources are all the same as before keep their collection. */
  publish(...resources: readonly ServedResource[]): number {
    this.#revision += 1;
    const types = new Map<string, Map<string, ServedResource>>();
    for (const resource of resources) {
      const collection = types.get(resource.typeUrl) ?? new Map<string, ServedResource>();
      types.set(resource.typeUrl, collection.set(resource.name, resource));
    }
    const shared = [...types].map(([url, next]) => {
      const before = this.#snapshot?.types.get(url);
      const same =
        before?.size === next.size && [...next].every(([name, { version }]) => before.get(name)?.version === version);
      return [url, same ? before : next] as const;
    });
    this.#snapshot = { revision: this.#revision, types: new Map(shared) };
    this.#notify();
    return this.#revision;
  }

  setSecret(secret: ServedResource): void {
    this.#secrets = new Map([...this.#secrets, [secret.name, secret]]);
    this.#notify();
  }

  subscribe(proxy: MeshProxy, onChange: () => void): ReturnType<SnapshotSource['subscribe']> {
    this.proxies.push(proxy);
    this.#subscribers.add(onChange);
    return {
      current: () => this.#snapshot,
      secrets: () => this.#secrets,
      watchNames: () => undefined,
      watchSecrets: () => undefined,
      close: () => this.#subscribers.delete(onChange),
    };
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  #notify(): void {
    for (const onChange of this.#subscribers) setImmediate(onChange);
  }
}

/** Remembers what sessions reported, as short lines. */
export class RecordingObserver implements DeliveryObserver {
  readonly events: string[] = [];

  connected(proxy: MeshProxy): void {
    this.events.push(`connected ${proxy.podName}`);
  }

  progressed(): void {
    // Of interest only to who asks how far it is.
  }

  acknowledged(connectionId: string, revision: number): void {
    this.events.push(`acknowledged ${podOf(connectionId)} ${revision}`);
  }

  rejected(connectionId: string, error: Parameters<DeliveryObserver['rejected']>[1]): void {
    this.events.push(`rejected ${podOf(connectionId)} ${error.resources.join()}: ${error.message}`);
  }

  waiting(connectionId: string, clusters: readonly string[]): void {
    this.events.push(`waiting ${podOf(connectionId)} ${clusters.join()}`);
  }

  disconnected(connectionId: string): void {
    this.events.push(`disconnected ${podOf(connectionId)}`);
  }
}

function podOf(connectionId: string): string {
  return connectionId.split('.')[0] ?? '';
}
