import * as z from 'zod';

/** zod's own types say of an inner schema only that it is of its core; all of ours are of its classic interface. */
export function asSchema(inner: unknown): z.ZodType {
  if (inner instanceof z.ZodType) return inner;
  throw new TypeError('expected a zod schema');
}
