import { assert } from 'chai';
import fc from 'fast-check';
import { kinds } from './kinds.ts';
import type { ParseResult } from './resource.ts';

const route = (spec: unknown, extra: object = {}) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'reviews', namespace: 'bookinfo' },
  spec,
  ...extra,
});
const spec = { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews' } }] }] };
const errorsOf = (result: ParseResult<unknown>) => (result.ok ? [] : result.errors);

describe('parse', () => {
  it('yields the object with what it does not know of the metadata', () => {
    const metadata = { name: 'reviews', generation: 3, ownerReferences: [{ name: 'a' }] };
    const result = kinds.VirtualService.parse(route(spec, { metadata }));
    assert.deepEqual<unknown>(result, { ok: true, value: route(spec, { metadata }), warnings: [] });
  });

  it('takes every served version and no other', () => {
    for (const version of ['v1', 'v1beta1', 'v1alpha3']) {
      assert.isTrue(kinds.VirtualService.parse(route(spec, { apiVersion: `networking.istio.io/${version}` })).ok);
    }
    assert.deepEqual(errorsOf(kinds.VirtualService.parse(route(spec, { apiVersion: 'networking.istio.io/v2' }))), [
      {
        path: 'apiVersion',
        message:
          'must be one of networking.istio.io/v1, networking.istio.io/v1beta1, networking.istio.io/v1alpha3, not "networking.istio.io/v2"',
        severity: 'error',
      },
    ]);
  });

  it('says what it got and what it needs, in the words of the YAML', () => {
    const wrong = { hosts: 'reviews', http: [{ route: [{ destination: {}, weight: '90' }], timeout: 5 }] };
    assert.deepEqual(
      errorsOf(kinds.VirtualService.parse(route(wrong))).map(({ path, message }) => `${path} ${message}`),
      [
        'spec.hosts must be a list, not "reviews"',
        'spec.http[0].route[0].destination.host is required',
        'spec.http[0].route[0].weight must be a number, not "90"',
        'spec.http[0].timeout must be a string, not 5',
      ],
    );
  });

  it('warns of fields that the API server will prune, each with its path', () => {
    const result = kinds.VirtualService.parse(route({ ...spec, http: [{ ...spec.http[0], timeOut: '1s' }] }));
    assert.deepEqual(result.ok ? result.warnings : [], [
      { path: 'spec.http[0].timeOut', message: 'unknown field', severity: 'warning' },
    ]);
  });

  it('calls an unknown field of an IstioOperator an error, below meshConfig and in overlays a warning', () => {
    const parse = (operator: unknown) =>
      kinds.IstioOperator.parse({ apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', spec: operator });
    assert.deepEqual(
      errorsOf(parse({ components: { pilot: { replicas: 2 } } })).map((diagnostic) => diagnostic.path),
      ['spec.components.pilot.replicas'],
    );
    const tolerant = parse({
      meshConfig: { tomorrow: 1 },
      values: { anything: 1 },
      components: { pilot: { k8s: { overlays: [{ tomorrow: 1 }] } } },
    });
    assert.sameMembers(tolerant.ok ? tolerant.warnings.map((warning) => warning.path) : [], [
      'spec.meshConfig.tomorrow',
      'spec.components.pilot.k8s.overlays[0].tomorrow',
      'metadata.name',
    ]);
  });

  it('never throws, whatever it is given', () => {
    const anything = fc.oneof(fc.jsonValue(), fc.anything());
    fc.assert(
      fc.property(anything, fc.constantFrom(...Object.values(kinds)), (value, kind) => {
        const version = `${kind.group}/${kind.storageVersion}`;
        for (const object of [value, { apiVersion: version, kind: kind.kind, metadata: { name: 'a' }, spec: value }]) {
          const result = kind.parse(object);
          if (!result.ok) assert.isNotEmpty(result.errors);
        }
      }),
    );
  });

  it('never throws on a good object with one field replaced', () => {
    const paths = [['hosts'], ['http'], ['http', 0], ['http', 0, 'route'], ['http', 0, 'route', 0, 'destination']];
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        const broken = replaceAt(spec, path, value);
        assert.isBoolean(kinds.VirtualService.parse(route(broken)).ok);
      }),
    );
  });
});

function replaceAt(value: unknown, [key, ...rest]: readonly (string | number)[], replacement: unknown): unknown {
  if (key === undefined) return replacement;
  const inner = replaceAt(Reflect.get(Object(value), key), rest, replacement);
  if (Array.isArray(value)) return value.map((item, index) => (index === key ? inner : item));
  return { ...Object(value), [key]: inner };
}
