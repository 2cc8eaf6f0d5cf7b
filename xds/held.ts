/** What is known of one thing that a client holds, or may hold. */
import { ENTRY_BYTES, nameBytes } from './names.ts';
import type { ServedResource } from './source.ts';

/** What a client holds under a name. */
export interface Held {
  /** Undefined when it may hold nothing: all that is known is in doubt. */
  readonly version: string | undefined;
  /** Clusters it names; undefined when that isn't known. */
  readonly needs: readonly string[] | undefined;
  /** With its bytes, unless it came from an earlier stream, where only the version is known. */
  readonly resource?: ServedResource;
  /** The client says that it holds it, and may have dropped it without noticing. */
  readonly claimed?: boolean;
  /** Refused together with others: the client may have done one of these changes all the same; undefined: a removal. */
  readonly doubts?: readonly (ServedResource | undefined)[];
}

/** Only its version is known, and nothing is in doubt. */
export function isStray({ version, resource, doubts }: Held): boolean {
  return version !== undefined && resource === undefined && doubts === undefined;
}

/** The client was sent something of it on this stream, which it holds or may hold. */
export function isServed(held: Held | undefined): boolean {
  return held?.resource !== undefined || (held?.doubts?.some((resource) => resource !== undefined) ?? false);
}

/** Other names and versions are those that all have. */
export function bytesOf(name: string, held: Held | null): number {
  if (held === null || held.resource !== undefined) return ENTRY_BYTES;
  return nameBytes(name) + (held.version?.length ?? 0);
}

export function fromResource(resource: ServedResource): Held {
  return { version: resource.version, needs: resource.needs, resource };
}

/** The clusters that a client may be using by what it holds; undefined where that isn't known. */
export function needsOf({ needs, doubts }: Held): readonly string[] | undefined {
  if (needs === undefined || doubts === undefined) return needs;
  return [...needs, ...doubts.flatMap((resource) => resource?.needs ?? [])];
}

export function same(exception: Held | null, wanted: ServedResource | undefined): boolean {
  if (exception === null || wanted === undefined) return exception === null && wanted === undefined;
  return exception.version === wanted.version && exception.doubts === undefined && exception.claimed !== true;
}
