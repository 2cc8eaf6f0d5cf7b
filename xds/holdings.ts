/**
 * What a client holds of one type: a shared collection as the base, and a sparse overlay of exceptions. So a thousand
 * clients that hold the same thing cost one collection.
 */
import { differingNames, NO_RESOURCES, needingNames, type Resources } from './difference.ts';
import type { ServedResource } from './source.ts';

/** A resource as held; what a client brought along from an earlier stream is known by its version only. */
export interface Held {
  readonly version: string;
  /** Clusters it names; undefined when that isn't known. */
  readonly needs: readonly string[] | undefined;
  /** With its bytes, unless it came from an earlier stream. */
  readonly resource?: ServedResource;
  /** What was refused together with others: the client may hold this instead, so it counts as neither version. */
  readonly doubt?: ServedResource;
}

export class Holdings {
  /** Interested in everything. */
  wildcard = false;
  /** Names asked for one by one. */
  readonly names = new Set<string>();
  #base: Resources = NO_RESOURCES;
  /** Exceptions from the base; null: does not hold it. */
  readonly #overlay = new Map<string, Held | null>();

  subscribed(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  held(name: string): Held | undefined {
    if (!this.subscribed(name)) return undefined;
    const exception = this.#overlay.get(name);
    if (exception !== undefined) return exception ?? undefined;
    const resource = this.#base.get(name);
    return resource === undefined ? undefined : fromResource(resource);
  }

  /** Faster than `held`, for the many times when only this matters. */
  holds(name: string): boolean {
    if (!this.subscribed(name)) return false;
    const exception = this.#overlay.get(name);
    return exception === undefined ? this.#base.has(name) : exception !== null;
  }

  /** Records what the client holds under this name from now on; undefined: nothing. */
  record(name: string, held: Held | undefined): void {
    this.#overlay.set(name, held ?? null);
  }

  acknowledge(name: string, resource: ServedResource | undefined): void {
    this.record(name, resource === undefined ? undefined : fromResource(resource));
  }

  /** The client refused a response that had this in it, among others. */
  doubt(name: string, resource: ServedResource | undefined): void {
    const before = this.held(name);
    if (before === undefined || resource === undefined) return;
    const { doubt: _, ...certain } = before;
    this.record(name, { ...certain, doubt: resource });
  }

  /** The client certainly did not take the version that was in doubt. */
  settleDoubt(name: string): void {
    const before = this.held(name);
    if (before?.doubt === undefined) return;
    const { doubt: _, ...certain } = before;
    this.record(name, certain);
  }

  /** Makes a collection the base. Returns the names that the client (if interested) does not hold as they stand there. */
  rebase(target: Resources): Iterable<string> {
    for (const name of differingNames(this.#base, target)) {
      if (this.#overlay.has(name) || !this.subscribed(name)) continue;
      const resource = this.#base.get(name);
      this.#overlay.set(name, resource === undefined ? null : fromResource(resource));
    }
    this.#base = target;
    for (const [name, exception] of this.#overlay) {
      if (!this.subscribed(name) || same(exception, target.get(name))) this.#overlay.delete(name);
    }
    return this.#overlay.keys();
  }

  /** Whether anything the client holds names this cluster; when what it holds isn't known, yes. */
  needs(cluster: string): boolean {
    for (const [name, held] of this.#overlay) {
      if (held === null || !this.subscribed(name)) continue;
      if (held.needs === undefined || held.needs.includes(cluster) || held.doubt?.needs.includes(cluster)) return true;
    }
    return needingNames(this.#base, cluster).some((name) => this.subscribed(name) && !this.#overlay.has(name));
  }

  /** Everything held, with bytes: what a state-of-the-world response must repeat. */
  *resources(): Iterable<ServedResource> {
    for (const [name, resource] of this.#base) if (this.subscribed(name) && !this.#overlay.has(name)) yield resource;
    for (const [name, held] of this.#overlay)
      if (held?.resource !== undefined && this.subscribed(name)) yield held.resource;
  }
}

function fromResource(resource: ServedResource): Held {
  return { version: resource.version, needs: resource.needs, resource };
}

function same(exception: Held | null, wanted: ServedResource | undefined): boolean {
  if (exception === null || wanted === undefined) return exception === null && wanted === undefined;
  return exception.version === wanted.version && exception.doubt === undefined;
}
