/** Scalars of the mesh configuration, which is protobuf JSON and knows zero durations. */
import * as z from 'zod';
import { parseDuration } from '../duration.ts';
import { withFacts, withRule } from '../schema/rule.ts';

/** Go's notation; zero turns the feature off. */
export const durationOrZero = () =>
  withRule(z.string(), {
    cel: "duration(self) >= duration('0s')",
    message: 'must be a duration, such as 5s or 1m30s',
    holds: (text) => (parseDuration(text) ?? -1) >= 0,
  }).optional();

export const flag = () => z.boolean().optional();
export const text = () => z.string().optional();
export const texts = () => z.array(z.string()).optional();

/** A message without fields, whose presence is its meaning. */
export const empty = () => z.object({}).optional();

/** Texts by name, where YAML may read an unquoted one as a number or a boolean. */
export const looseTexts = () => {
  const scalar = withFacts(z.union([z.string(), z.number(), z.boolean()]), {
    'x-kubernetes-preserve-unknown-fields': true,
  });
  return z.record(z.string(), scalar.transform(String)).optional();
};
