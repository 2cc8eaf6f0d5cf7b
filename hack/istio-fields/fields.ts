/** The fields of a CustomResourceDefinition as flat facts: one entry per path, without any prose. */

/** What a schema says about one field. Absent means not said. */
export interface FieldFact {
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly nullable?: true;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly preserve?: true;
  readonly intOrString?: true;
  readonly mapKeys?: readonly string[];
  /** Groups of fields of which at most one may be set, each sorted and joined by commas. */
  readonly exclusive?: readonly string[];
  /** CEL rules, white space removed. */
  readonly rules?: readonly string[];
}

export type FieldFacts = Readonly<Record<string, FieldFact>>;

/** By `group/kind`: the served versions and, since all of them agree, their fields once. */
export type KindFacts = Readonly<Record<string, { readonly versions: readonly string[]; readonly fields: FieldFacts }>>;

interface Manifest {
  spec: {
    group: string;
    names: { kind: string };
    versions: readonly { name: string; served: boolean; schema: { openAPIV3Schema: object } }[];
  };
}

/** Throws when two versions of a kind differ: then the facts need a place per version. */
export function collectKindFacts(manifests: readonly Manifest[]): KindFacts {
  const facts: Record<string, { versions: string[]; fields: FieldFacts }> = {};
  for (const { spec } of manifests) {
    const versions = spec.versions.filter((version) => version.served);
    const fields = versions.map((version) => collectFields(version.schema.openAPIV3Schema));
    const [first = {}] = fields;
    if (fields.some((other) => JSON.stringify(other) !== JSON.stringify(first))) {
      throw new Error(`the versions of ${spec.names.kind} differ`);
    }
    facts[`${spec.group}/${spec.names.kind}`] = {
      versions: versions.map((version) => version.name).sort(),
      fields: first,
    };
  }
  return facts;
}

/** Paths as `spec.http[].match[].uri.exact`; `{}` stands for the values of a map. */
export function collectFields(schema: object): FieldFacts {
  const facts: Record<string, FieldFact> = {};
  visit(new Map(Object.entries(schema)), '', facts);
  return Object.fromEntries(Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function visit(node: ReadonlyMap<string, unknown>, path: string, facts: Record<string, FieldFact>): void {
  if (path !== '') facts[path] = readFact(node);
  for (const [name, child] of entries(node.get('properties')))
    visit(child, path === '' ? name : `${path}.${name}`, facts);
  const items = nodeOf(node.get('items'));
  if (items !== undefined) visit(items, `${path}[]`, facts);
  const values = nodeOf(node.get('additionalProperties'));
  if (values !== undefined) visit(values, `${path}{}`, facts);
}

const plainFacts = [
  'type',
  'format',
  'nullable',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
] as const;

function readFact(node: ReadonlyMap<string, unknown>): FieldFact {
  const exclusive = readExclusive(node);
  const rules = strings(entries(node.get('x-kubernetes-validations')).map(([, rule]) => rule.get('rule')));
  return {
    ...Object.fromEntries(plainFacts.filter((name) => node.has(name)).map((name) => [name, node.get(name)])),
    ...listFact('enum', strings(node.get('enum'))),
    ...listFact('required', strings(node.get('required'))),
    ...(node.get('x-kubernetes-preserve-unknown-fields') === true ? { preserve: true } : {}),
    ...(node.get('x-kubernetes-int-or-string') === true ? { intOrString: true } : {}),
    ...listFact('mapKeys', strings(node.get('x-kubernetes-list-map-keys'))),
    ...listFact('exclusive', exclusive),
    ...listFact('rules', rules.map((rule) => rule.replace(/\s+/g, '')).sort()),
  };
}

/** `oneOf: [none of them, {required: [a]}, {required: [b]}]`, alone or inside `allOf`. A group of one says nothing. */
function readExclusive(node: ReadonlyMap<string, unknown>): string[] {
  const groups = [node, ...entries(node.get('allOf')).map(([, part]) => part)].filter((part) => part.has('oneOf'));
  return groups
    .map((group) => entries(group.get('oneOf')).flatMap(([, option]) => strings(option.get('required'))))
    .filter((fields) => fields.length > 1)
    .map((fields) => [...fields].sort().join(','))
    .sort();
}

function listFact(name: string, list: readonly string[]): Record<string, readonly string[]> {
  return list.length === 0 ? {} : { [name]: name === 'required' || name === 'enum' ? [...list].sort() : list };
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function nodeOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined;
}

function entries(value: unknown): [string, ReadonlyMap<string, unknown>][] {
  return [...(nodeOf(value) ?? [])].flatMap(([key, child]) => {
    const node = nodeOf(child);
    return node === undefined ? [] : [[key, node]];
  });
}
