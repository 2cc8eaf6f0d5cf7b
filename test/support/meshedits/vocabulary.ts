/** Names and shapes of which random edits are made. */
import fc from 'fast-check';
import type { Pipeline } from '../pipeline.ts';

export type Kind = Parameters<Pipeline['objects']['delete']>[0];

export const editedNamespaces = ['bookinfo', 'shop', 'istio-system'] as const;

const APPS = ['reviews', 'ratings', 'details'] as const;
export const namespace = fc.constantFrom(...editedNamespaces);
export const app = fc.constantFrom(...APPS);
export const version = fc.constantFrom('v1', 'v2');
export const octet = fc.integer({ min: 1, max: 5 });
export const node = fc.constantFrom('node-1', 'node-2');
export const someOf = <T>(...values: readonly T[]) => fc.subarray([...values]);
export const often = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 3 });
export const rarely = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, arbitrary);
export const exportTo = often(
  fc.constantFrom<readonly string[]>(['*'], ['.'], ['shop'], ['.', 'bookinfo'], ['~'], ['istio-system', 'shop']),
);

export interface Shape {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly name: fc.Arbitrary<string>;
  readonly namespace?: fc.Arbitrary<string>;
  readonly labels?: fc.Arbitrary<Readonly<Record<string, string>> | undefined>;
  readonly annotations?: fc.Arbitrary<Readonly<Record<string, string>> | undefined>;
  /** Everything beside metadata. */
  readonly rest: fc.Arbitrary<object>;
}

export const spec = (fields: fc.Arbitrary<object>) => fields.map((value) => ({ spec: value }));

/** Without fields that are undefined. */
export function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
