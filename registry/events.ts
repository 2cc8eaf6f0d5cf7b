import type { ObjectKind } from './writer.ts';

export type ObjectEvent = 'add' | 'update' | 'delete';

/** What comes and goes: a kind of object, or the mesh configuration. */
export type EventKind = ObjectKind | 'MeshConfig';

/** How many objects a source has seen come, change and go: a few numbers, asked for when metrics are read. */
export class ObjectEvents {
  readonly #counts = new Map<EventKind, Record<ObjectEvent, number>>();

  note(kind: EventKind, event: ObjectEvent): void {
    let counts = this.#counts.get(kind);
    if (counts === undefined) {
      counts = { add: 0, update: 0, delete: 0 };
      this.#counts.set(kind, counts);
    }
    counts[event] += 1;
  }

  /** Those that happened at all. */
  *[Symbol.iterator](): Iterator<{ readonly kind: EventKind; readonly event: ObjectEvent; readonly count: number }> {
    for (const [kind, counts] of this.#counts)
      for (const event of ['add', 'update', 'delete'] as const)
        if (counts[event] > 0) yield { kind, event, count: counts[event] };
  }
}
