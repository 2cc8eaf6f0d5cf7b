/** Our definitions against the record of Istio's: nothing that Istio accepts may be refused. */
import { readFile } from 'node:fs/promises';
import { assert } from 'chai';
import { type Comparison, compareFields } from '#hack/istio-fields/compare.ts';
import { collectKindFacts, type FieldFact, type KindFacts } from '#hack/istio-fields/fields.ts';
import { manifests } from './manifests.ts';

/** Where we differ on purpose, with the reason. */
const intended: readonly { path: RegExp; what: RegExp; reason: string }[] = [
  {
    path: /^status\.conditions\[?\]?$/,
    what: /^(list map key type|required type)$/,
    reason: 'several writers own one condition each, so the list is a map by type',
  },
  {
    path: /^spec\.metrics\[\]\.overrides\[\]\.tagOverrides\{\}$/,
    what: /^rule .*UPSERT/,
    reason: 'the same rule, without an evaluation error where the value is absent',
  },
  {
    path: /^spec\.(servers|ingress)\[\]\.tls$/,
    what: /credentialNames.*tlsCertificates/,
    reason: 'Istio says this rule twice, in both orders',
  },
  {
    path: /^status\.addresses/,
    what: /^is not in Istio$/,
    reason: 'Istio writes allocated addresses there too, below a status that preserves unknown fields',
  },
  {
    path: /^spec(\.wasm)?\.url$/,
    what: /^rule isURL/,
    reason: 'the same set of schemes in another order',
  },
];

interface IstioRecord {
  readonly source: string;
  readonly kinds: KindFacts;
}

async function readRecord(): Promise<IstioRecord> {
  return JSON.parse(await readFile(new URL('./testdata/istio-fields.json', import.meta.url), 'utf8'));
}

function unintended(differences: Comparison['stricter']): string[] {
  return differences
    .filter((found) => !intended.some((entry) => entry.path.test(found.path) && entry.what.test(found.what)))
    .map((found) => `${found.path}: ${found.what}`);
}

describe('Istio’s public definitions', () => {
  const ours = collectKindFacts(manifests());

  it('are served by us, each kind in every version', async () => {
    const { kinds } = await readRecord();
    const versions = Object.entries(kinds).map(([kind, facts]) => [kind, facts.versions]);
    assert.deepEqual(
      versions,
      Object.keys(kinds).map((kind) => [kind, ours[kind]?.versions]),
    );
    assert.equal(Object.values(kinds).flatMap((facts) => facts.versions).length, 33);
  });

  it('hold no field, type, enum value or freedom that ours lack', async () => {
    const { kinds, source } = await readRecord();
    let paths = 0;
    for (const [kind, facts] of Object.entries(kinds)) {
      const { stricter, compared } = compareFields(facts.fields, ours[kind]?.fields ?? {});
      assert.deepEqual(unintended(stricter), [], kind);
      paths += compared * facts.versions.length;
    }
    assert.isAbove(paths, 2662);
    console.log(`      ${paths} field paths of 33 kind-versions compared with ${source}`);
  });

  it('refuse nothing that ours let through', async () => {
    const { kinds } = await readRecord();
    for (const [kind, facts] of Object.entries(kinds)) {
      assert.deepEqual(unintended(compareFields(facts.fields, ours[kind]?.fields ?? {}).laxer), [], kind);
    }
  });
});

describe('compareFields', () => {
  const base: Readonly<Record<string, FieldFact>> = {
    spec: { type: 'object', required: ['host'] },
    'spec.host': { type: 'string', enum: ['a', 'b'], maxLength: 10 },
  };
  const findings = (ours: Readonly<Record<string, FieldFact>>) =>
    compareFields(base, ours).stricter.map((found) => `${found.path} ${found.what}`);

  it('sees a missing field', () => {
    assert.deepEqual(findings({ spec: { type: 'object' } }), ['spec.host is missing']);
  });

  it('sees another type, a missing enum value, a tighter bound and a further required field', () => {
    const ours: Readonly<Record<string, FieldFact>> = {
      spec: { type: 'object', required: ['host', 'port'] },
      'spec.host': { type: 'string', enum: ['a'], maxLength: 5 },
    };
    assert.deepEqual(findings(ours), ['spec required port', 'spec.host maxLength 5', 'spec.host enum lacks b']);
    assert.deepEqual(findings({ ...base, 'spec.host': { type: 'integer' } }), [
      'spec.host type integer instead of string',
    ]);
  });

  it('is content with equal and with freer definitions', () => {
    assert.deepEqual(findings(base), []);
    assert.deepEqual(findings({ ...base, 'spec.host': { type: 'string' } }), []);
  });
});
