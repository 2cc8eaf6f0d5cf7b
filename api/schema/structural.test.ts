import { assert } from 'chai';
import * as z from 'zod';
import { atMostOne, withRule } from './rule.ts';
import { renderStructural } from './structural.ts';
import { int32, intOrString, listMap, nullable, preserved, uint32 } from './vocabulary.ts';

const render = (schema: z.ZodType) => renderStructural(schema, { descriptions: false });

describe('renderStructural', () => {
  it('says types and bounds where the API server looks for them', () => {
    assert.deepEqual(render(z.string().min(1).max(9).regex(/^a/)), {
      type: 'string',
      minLength: 1,
      maxLength: 9,
      pattern: '^a',
    });
    assert.deepEqual(render(uint32()), { type: 'integer', minimum: 0, maximum: 4_294_967_295 });
    assert.deepEqual(render(int32().min(0)), { type: 'integer', format: 'int32', minimum: 0 });
    assert.deepEqual(render(z.int()), { type: 'integer' });
    assert.deepEqual(render(z.array(z.boolean()).max(2)), { type: 'array', maxItems: 2, items: { type: 'boolean' } });
  });

  it('requires what is not optional, and lets null stand for absent', () => {
    assert.deepEqual(render(z.object({ a: z.string(), b: z.string().optional(), c: nullable(z.boolean()) })), {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'string' }, c: { type: 'boolean', nullable: true } },
      required: ['a'],
    });
  });

  it('writes no types inside oneOf, and both groups of a double choice', () => {
    const one = [
      { not: { anyOf: [{ required: ['a'] }, { required: ['b'] }] } },
      { required: ['a'] },
      { required: ['b'] },
    ];
    const two = [
      { not: { anyOf: [{ required: ['c'] }, { required: ['d'] }] } },
      { required: ['c'] },
      { required: ['d'] },
    ];
    const field = z.string().optional();
    const schema = atMostOne(z.object({ a: field, b: field, c: field, d: field }), 'a', 'b');
    assert.deepEqual(render(schema).oneOf, one);
    assert.deepEqual(render(atMostOne(schema, 'c', 'd')).allOf, [{ oneOf: one }, { oneOf: two }]);
  });

  it('keeps every rule of a schema that has several', () => {
    const rule = (cel: string) => ({ cel, message: cel, holds: () => true });
    const schema = withRule(withRule(z.string(), rule('a')), rule('b'));
    assert.deepEqual(render(schema)['x-kubernetes-validations'], [
      { rule: 'a', message: 'a' },
      { rule: 'b', message: 'b' },
    ]);
  });

  it('says what only Kubernetes knows', () => {
    assert.deepEqual(render(intOrString()), { 'x-kubernetes-int-or-string': true });
    assert.deepEqual(render(preserved()), { type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
    assert.deepInclude(render(listMap(z.array(z.object({ name: z.string() })), 'name')), {
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    });
  });

  it('writes descriptions only when asked', () => {
    const schema = z.object({ a: uint32().optional().describe('A number.') });
    const described = renderStructural(schema, { descriptions: true });
    assert.equal(described.properties?.a?.description, 'A number.');
    assert.notProperty(render(schema).properties?.a, 'description');
  });

  it('refuses what a structural schema cannot say', () => {
    assert.throws(() => render(z.union([z.string(), z.boolean()])), /union/);
    assert.throws(() => render(z.date()), /date/);
  });
});
