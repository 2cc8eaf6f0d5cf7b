/** The conditions that stand on resources: what was written last, and whether somebody else took it away. */
import type { ObjectMeta } from '#kube/index.ts';
import type { SourceKey } from '../delivery/facts.ts';
import { hasConditions, type StatusCondition } from './conditions.ts';

/** A resource as it is stored, and the conditions that it has. */
interface Stored {
  readonly metadata: Pick<ObjectMeta, 'uid' | 'resourceVersion'>;
  readonly conditions: readonly StatusCondition[];
}

interface Entry extends Stored {
  /** A later version was without them. */
  readonly lost: boolean;
}

export class StandingConditions {
  readonly #entries = new Map<SourceKey, Entry>();
  /** Resources that are being written, with the newest version that was read meanwhile. */
  readonly #held = new Map<SourceKey, Stored | undefined>();

  /** What was written to this resource, and not to an earlier one of its name. */
  read(key: SourceKey, uid: string): readonly StatusCondition[] {
    return this.#find(key, uid)?.conditions ?? [];
  }

  /** The same, where it has to be written once more. */
  findLost(key: SourceKey, uid: string): readonly StatusCondition[] | undefined {
    const entry = this.#find(key, uid);
    return entry?.lost ? entry.conditions : undefined;
  }

  set(key: SourceKey, stored: Stored): void {
    this.#entries.set(key, { ...stored, lost: false });
  }

  /**
   * Takes note of a resource as it was read; true when it is the first without what was written to an earlier version.
   * While the resource is being written nobody knows: what was read then is judged when the answer is there.
   */
  observe(key: SourceKey, found: Stored): boolean {
    if (this.#held.has(key)) {
      this.#held.set(key, found);
      return false;
    }
    const entry = this.#find(key, found.metadata.uid);
    if (entry === undefined || !isNewer(found.metadata.resourceVersion, entry.metadata.resourceVersion)) return false;
    const lost = !hasConditions(found.conditions, entry.conditions);
    if (lost === entry.lost) return false;
    this.#entries.set(key, { ...entry, lost });
    return lost;
  }

  /** Writes by `send`, which answers with what is stored then, if anything is; true as of `observe`. */
  async write(
    key: SourceKey,
    conditions: readonly StatusCondition[],
    send: () => Promise<Stored['metadata'] | undefined>,
  ): Promise<boolean> {
    this.#held.set(key, undefined);
    let seen: Stored | undefined;
    try {
      const metadata = await send();
      if (metadata !== undefined) this.set(key, { metadata, conditions });
    } finally {
      seen = this.#held.get(key);
      this.#held.delete(key);
    }
    return seen !== undefined && this.observe(key, seen);
  }

  delete(key: SourceKey): void {
    this.#entries.delete(key);
  }

  keys(): Iterable<SourceKey> {
    return this.#entries.keys();
  }

  #find(key: SourceKey, uid: string | undefined): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry?.metadata.uid === uid ? entry : undefined;
  }
}

/** Versions of one kind are decimal numbers that grow (Kubernetes API concepts, resource versions). */
function isNewer(version = '', than = ''): boolean {
  return version.length === than.length ? version > than : version.length > than.length;
}
