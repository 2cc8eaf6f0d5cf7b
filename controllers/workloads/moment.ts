/** Replicas whose clocks differ must agree on what came last. */

/**
 * A moment, in milliseconds since the epoch, by this replica's clock, and in any case behind what is known to have been before it,
 * by whichever clock that was noted.
 */
export function placeAfter(moment: number, ...before: readonly (number | undefined)[]): number {
  return Math.max(moment, ...before.map((known) => (known ?? Number.NEGATIVE_INFINITY) + 1));
}
