/** A function of two immutable objects that is computed once for each pair, and forgotten with either of them. */
export function rememberPairs<A extends object, B extends object, V extends NonNullable<unknown>>(
  compute: (a: A, b: B) => V,
): (a: A, b: B) => V {
  const known = new WeakMap<A, WeakMap<B, V>>();
  return (a, b) => {
    let ofA = known.get(a);
    if (ofA === undefined) {
      ofA = new WeakMap();
      known.set(a, ofA);
    }
    let value = ofA.get(b);
    if (value === undefined) {
      value = compute(a, b);
      ofA.set(b, value);
    }
    return value;
  };
}
