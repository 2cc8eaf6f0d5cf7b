/**
 * Golden files: what a builder yields, kept beside it under `testdata/` as JSON that people can read and review.
 * `UPDATE_GOLDEN=1` rewrites them and deletes those that no test asked for any more.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const updating = process.env.UPDATE_GOLDEN === '1';
const asked = new Map<string, Set<string>>();

/** Bytes print as base64, so that messages with binary fields stay comparable. */
function render(value: unknown): string {
  const plain = (_key: string, field: unknown): unknown => {
    if (field instanceof Uint8Array) return { base64: Buffer.from(field).toString('base64') };
    return typeof field === 'bigint' ? field.toString() : field;
  };
  return `${JSON.stringify(value, plain, 2)}\n`;
}

/** Compares `value` with `testdata/TEST/NAME` beside the test file whose `import.meta.url` is given. */
export function expectGolden(testUrl: string, name: string, value: unknown): void {
  const test = fileURLToPath(testUrl);
  const folder = join(dirname(test), 'testdata', basename(test, '.test.ts'));
  const names = asked.get(folder) ?? new Set();
  asked.set(folder, names.add(name));
  const text = render(value);
  if (updating) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), text);
    return;
  }
  expect(text).to.equal(readFileSync(join(folder, name), 'utf8'));
}

after(() => {
  for (const [folder, names] of asked) {
    const stale = readdirSync(folder).filter((name) => !names.has(name));
    if (updating) for (const name of stale) rmSync(join(folder, name));
    else expect(stale, `golden files in ${folder} that no test reads; UPDATE_GOLDEN=1 deletes them`).to.deep.equal([]);
  }
});
