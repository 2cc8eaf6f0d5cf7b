/** The well-known wrappers of protobuf in object form. */

export interface Duration {
  readonly seconds: number;
  readonly nanos: number;
}

/** Milliseconds to a protobuf duration. */
export function buildDuration(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.round((ms - seconds * 1000) * 1_000_000);
  return nanos === 1_000_000_000 ? { seconds: seconds + 1, nanos: 0 } : { seconds, nanos };
}

export function wrap<T>(value: T): { readonly value: T } {
  return { value };
}

/** `{ [name]: value }` when there is a value, nothing to spread otherwise. */
export function present<K extends string, T>(name: K, value: T | undefined): { readonly [P in K]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [P in K]?: T });
}
