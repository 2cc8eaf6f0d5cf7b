import { readFile } from 'node:fs/promises';
import { assert } from 'chai';
import type { KindFacts } from '#hack/istio-fields/fields.ts';
import { honoured, unhonouredFields } from './honoured.ts';

const paths = (kind: Parameters<typeof unhonouredFields>[0], spec: unknown) =>
  unhonouredFields(kind, spec).map((diagnostic) => diagnostic.path);

describe('unhonouredFields', () => {
  it('is silent about what works', () => {
    const spec = {
      hosts: ['reviews'],
      http: [
        { match: [{ uri: { prefix: '/' } }], route: [{ destination: { host: 'reviews' }, weight: 1 }], timeout: '1s' },
      ],
    };
    assert.deepEqual(unhonouredFields('VirtualService', spec), []);
  });

  it('names each field that does not, once and at its own place', () => {
    const spec = {
      hosts: ['reviews'],
      http: [{ route: [{ destination: { host: 'reviews' } }] }, { fault: { delay: { fixedDelay: '1s', percent: 1 } } }],
    };
    assert.deepEqual(unhonouredFields('VirtualService', spec), [
      { path: 'spec.http[1].fault', message: 'has no effect yet', severity: 'warning' },
    ]);
  });

  it('looks at values where only some of them work', () => {
    const gateway = (mode: string) => ({ servers: [{ tls: { mode } }] });
    assert.deepEqual(paths('Gateway', gateway('MUTUAL')), []);
    assert.deepEqual(paths('Gateway', gateway('AUTO_PASSTHROUGH')), ['spec.servers[0].tls.mode']);
    const redirect = (redirectCode: number) => ({ hosts: ['a'], http: [{ redirect: { uri: '/b', redirectCode } }] });
    assert.deepEqual(paths('VirtualService', redirect(308)), []);
    assert.deepEqual(paths('VirtualService', redirect(310)), ['spec.http[0].redirect.redirectCode']);
  });

  it('does not mistake an absent field for one that was set', () => {
    assert.deepEqual(paths('VirtualService', { hosts: ['a'], http: [{ fault: undefined }] }), []);
  });

  it('says of a kind without any table that it does nothing', () => {
    assert.deepEqual(unhonouredFields('EnvoyFilter', {}), [
      { path: 'spec', message: 'EnvoyFilter has no effect yet', severity: 'warning' },
    ]);
  });
});

describe('the table of honoured fields', () => {
  it('names only fields that exist', async () => {
    const text = await readFile(new URL('./testdata/istio-fields.json', import.meta.url), 'utf8');
    const { kinds }: { kinds: KindFacts } = JSON.parse(text);
    for (const [kind, table] of Object.entries(honoured)) {
      const [, facts] = Object.entries(kinds).find(([name]) => name.endsWith(`/${kind}`)) ?? [];
      assert.isDefined(facts, kind);
      for (const path of Object.keys(table)) assert.property(facts?.fields, `spec.${path}`, kind);
    }
  });
});
