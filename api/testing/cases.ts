/** Pairs of specs, one that must be taken and one that must be refused, from `api/testdata/cases`. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';

const fileSchema = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  cases: z.array(
    z.strictObject({
      name: z.string(),
      /** `schema`: the API server refuses it too; `checks`: only we do. */
      refusedBy: z.enum(['schema', 'checks']),
      /** Where the fault in `bad` is. */
      path: z.string(),
      good: z.unknown(),
      bad: z.unknown(),
    }),
  ),
});

export interface SpecCase {
  readonly name: string;
  readonly kind: string;
  readonly refusedBy: 'schema' | 'checks';
  readonly path: string;
  /** Whole objects in the namespace `default`. */
  readonly good: object;
  readonly bad: object;
}

const directory = join(import.meta.dirname, '..', 'testdata', 'cases');

export async function readCases(): Promise<SpecCase[]> {
  const files = (await readdir(directory)).filter((name) => name.endsWith('.yaml')).sort();
  const cases = files.map(async (file) => {
    const { apiVersion, kind, cases: list } = fileSchema.parse(parse(await readFile(join(directory, file), 'utf8')));
    const object = (spec: unknown) => ({ apiVersion, kind, metadata: { name: 'example', namespace: 'default' }, spec });
    return list.map(({ good, bad, ...rest }) => ({ ...rest, kind, good: object(good), bad: object(bad) }));
  });
  return (await Promise.all(cases)).flat();
}
