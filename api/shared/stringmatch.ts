import * as z from 'zod';
import { atMostOne } from '../schema/rule.ts';
import type { Value } from '../schema/vocabulary.ts';

/** How a header, path or query parameter is compared. Regular expressions are RE2 and match the whole text. */
export const StringMatch = atMostOne(
  z.object({
    exact: z.string().optional().describe('The text is exactly this.'),
    prefix: z.string().optional().describe('The text begins with this.'),
    regex: z.string().optional().describe('The whole text matches this RE2 expression.'),
  }),
  'exact',
  'prefix',
  'regex',
);
export type StringMatch = Value<typeof StringMatch>;

export const stringMatchMap = () => z.record(z.string(), StringMatch);
