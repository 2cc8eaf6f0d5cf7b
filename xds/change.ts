/** What responses consist of, and what becomes of them. */
import type { Resources, ServedResource } from './source.ts';
import type { Step } from './steps.ts';

/** One resource to add or replace, or, without a resource, a name to remove. */
export interface Change {
  readonly name: string;
  readonly resource: ServedResource | undefined;
}

/**
 * At most so many bytes of a response are of this change. A name that does not exist is told twice over to clients that
 * asked for it.
 */
export function changeBytes({ name, resource }: Change): number {
  if (resource === undefined) return 2 * Buffer.byteLength(name) + FRAMING_BYTES;
  const { typeUrl, bytes, version } = resource;
  return bytes.length + typeUrl.length + version.length + Buffer.byteLength(name) + FRAMING_BYTES;
}

/** Keys and lengths of fields, for any names and resources that there are. */
const FRAMING_BYTES = 32;

/** What goes into one response. */
export interface Batch {
  readonly changes: readonly Change[];
  /** The steps that all of it consists of, when others are sent the same. */
  readonly steps?: readonly Step[] | undefined;
  /** From where to where it takes a client that holds nothing beside. */
  readonly move?: { readonly from: Resources; readonly to: Resources } | undefined;
}

/** A response that was sent. */
export interface Sent extends Batch {
  /** A number; later responses of the stream, whatever their type, have higher ones. */
  readonly nonce: string;
  readonly sentAt: number;
  /** The snapshot it was made from. */
  readonly revision: number;
}

/** Whether the target holds just what the change leads to. */
export function isWanted({ name, resource }: Change, target: Resources): boolean {
  return target.get(name)?.version === resource?.version;
}
