/** Scalars of the mesh configuration, which is protobuf JSON and knows zero durations. */
import { z } from 'zod';
import { parseDuration } from '../duration.ts';
import { withRule } from '../schema/rule.ts';

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
