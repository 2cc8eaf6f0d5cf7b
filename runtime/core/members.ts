/** Equality of two arrays by the identity of their members, in order: what collections of interned values compare with. */
export function sameMembers(previous: readonly unknown[], next: readonly unknown[]): boolean {
  if (previous === next) return true;
  if (previous.length !== next.length) return false;
  return previous.every((member, at) => Object.is(member, next[at]));
}
