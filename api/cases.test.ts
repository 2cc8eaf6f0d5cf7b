/** Every rule with an example that keeps it and one that breaks it. */
import { assert } from 'chai';
import { type Kind, kinds } from './kinds.ts';
import type { ParseResult } from './resource.ts';
import { readCases } from './testing/cases.ts';

function parseAs(kind: string, object: unknown): ParseResult<unknown> {
  assert.property(kinds, kind);
  return kinds[kind as Kind].parse(object);
}

const cases = await readCases();

describe('parse', () => {
  for (const kind of new Set(cases.map((example) => example.kind))) {
    describe(kind, () => {
      for (const example of cases.filter((candidate) => candidate.kind === kind)) {
        it(example.name, () => {
          const good = parseAs(kind, example.good);
          assert.deepEqual(good.ok ? [] : good.errors, [], 'the good one is refused');
          const unknown = good.ok ? good.warnings.filter((warning) => warning.message === 'unknown field') : [];
          assert.deepEqual(
            unknown.filter((warning) => !warning.path.includes('Tomorrow')),
            [],
            'a field is unknown',
          );
          const bad = parseAs(kind, example.bad);
          const errors = bad.ok ? [] : bad.errors;
          assert.include(
            errors.map((diagnostic) => diagnostic.path),
            example.path,
          );
          for (const diagnostic of errors) assert.isNotEmpty(diagnostic.message);
        });
      }
    });
  }

  it('has examples for every kind', () => {
    assert.sameMembers([...new Set(cases.map((example) => example.kind))], Object.keys(kinds));
  });
});
