/** zod schema -> structural OpenAPI v3, the form the API server accepts in a CustomResourceDefinition. */
import * as z from 'zod';
import { type ManifestFacts, manifestFacts } from './rule.ts';
import { asSchema } from './zodtype.ts';

/** A node of a structural schema. */
export interface Structural extends Omit<ManifestFacts, 'exclusive'> {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  description?: string;
  nullable?: true;
  enum?: readonly string[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, Structural>;
  required?: readonly string[];
  items?: Structural;
  additionalProperties?: Structural;
  oneOf?: readonly object[];
  allOf?: readonly object[];
}

export interface StructuralOptions {
  /** Whether field descriptions are written. */
  readonly descriptions: boolean;
  /** Objects keep fields that the schema does not know. */
  readonly preserveUnknown?: boolean;
  /** Optional fields may be null, which means absent. */
  readonly nullable?: boolean;
}

export function renderStructural(schema: z.ZodType, options: StructuralOptions): Structural {
  const { exclusive = [], ...facts } = manifestFacts.get(schema) ?? {};
  const description = options.descriptions ? z.globalRegistry.get(schema)?.description : undefined;
  return {
    ...renderType(schema, options),
    ...facts,
    ...renderExclusive(exclusive),
    ...(description === undefined ? {} : { description }),
  };
}

function renderType(schema: z.ZodType, options: StructuralOptions): Structural {
  const render = (inner: unknown): Structural => renderStructural(asSchema(inner), options);
  if (schema instanceof z.ZodOptional) {
    return { ...render(schema.unwrap()), ...(options.nullable ? { nullable: true } : {}) };
  }
  if (schema instanceof z.ZodNullable) return { ...render(schema.unwrap()), nullable: true };
  if (schema instanceof z.ZodPipe) return render(schema.in);
  if (schema instanceof z.ZodObject) return renderObject(schema, options);
  if (schema instanceof z.ZodArray) return { type: 'array', ...bounds(schema, 'Items'), items: render(schema.element) };
  if (schema instanceof z.ZodRecord) return renderMap(schema, render);
  if (schema instanceof z.ZodEnum) return { type: 'string', enum: schema.options.map(String) };
  if (schema instanceof z.ZodBoolean) return { type: 'boolean' };
  if (schema instanceof z.ZodString) return { type: 'string', ...bounds(schema, 'Length'), ...patternOf(schema) };
  if (schema instanceof z.ZodNumber) return renderNumber(schema);
  if (schema instanceof z.ZodUnknown) return { 'x-kubernetes-preserve-unknown-fields': true };
  if (schema instanceof z.ZodUnion && isSayable(schema)) return {};
  throw new TypeError(`a ${schema._zod.def.type} schema has no structural form`);
}

function renderObject(schema: z.ZodObject, options: StructuralOptions): Structural {
  const fields = Object.entries(schema.shape);
  const required = fields.filter(([, field]) => field._zod.optin !== 'optional').map(([name]) => name);
  return {
    type: 'object',
    ...(fields.length === 0
      ? {}
      : {
          properties: Object.fromEntries(
            fields.map(([name, field]) => [name, renderStructural(asSchema(field), options)]),
          ),
        }),
    ...(required.length === 0 ? {} : { required }),
    ...(options.preserveUnknown || schema.def.catchall instanceof z.ZodUnknown
      ? { 'x-kubernetes-preserve-unknown-fields': true }
      : {}),
  };
}

function renderMap(schema: z.ZodRecord, render: (inner: unknown) => Structural): Structural {
  // additionalProperties beside preserve-unknown-fields is refused: such a map says only that it is an object.
  if (manifestFacts.get(schema)?.['x-kubernetes-preserve-unknown-fields']) return { type: 'object' };
  return { type: 'object', additionalProperties: render(schema.valueType) };
}

/** JSON Schema's safe-integer bounds are noise to the API server; a 32-bit format says them already. */
function renderNumber(schema: z.ZodNumber): Structural {
  const { minValue, maxValue, isInt } = schema;
  const signed32 = manifestFacts.get(schema)?.format === 'int32';
  const ignored = (bound: number | null) =>
    bound === null ||
    !Number.isFinite(bound) ||
    Math.abs(bound) >= Number.MAX_SAFE_INTEGER ||
    (signed32 && (bound === -2_147_483_648 || bound === 2_147_483_647));
  return {
    type: isInt ? 'integer' : 'number',
    ...(ignored(minValue) ? {} : { minimum: minValue ?? 0 }),
    ...(ignored(maxValue) ? {} : { maximum: maxValue ?? 0 }),
  };
}

function bounds(schema: z.ZodArray | z.ZodString, what: 'Items' | 'Length'): Structural {
  const facts: Structural = {};
  for (const check of schema.def.checks ?? []) {
    const { def } = check._zod;
    if (isMinLength(def)) facts[`min${what}`] = def.minimum;
    if (isMaxLength(def)) facts[`max${what}`] = def.maximum;
  }
  return facts;
}

function patternOf(schema: z.ZodString): Structural {
  const patterns = (schema.def.checks ?? []).map((check) => check._zod.def).filter(isPattern);
  const [first] = patterns;
  return first === undefined ? {} : { pattern: first.pattern.source };
}

type CheckDef = z.core.$ZodCheckDef;

function isMinLength(def: CheckDef): def is z.core.$ZodCheckMinLengthDef {
  return def.check === 'min_length';
}

function isMaxLength(def: CheckDef): def is z.core.$ZodCheckMaxLengthDef {
  return def.check === 'max_length';
}

function isPattern(def: CheckDef): def is z.core.$ZodCheckRegexDef {
  return def.check === 'string_format' && 'pattern' in def && def.pattern instanceof RegExp;
}

/** "None of them, or exactly one": a structural schema allows no types inside, only which fields are required. */
function renderExclusive(groups: readonly (readonly string[])[]): Structural {
  const alternatives = groups.map((fields) => {
    const each = fields.map((field) => ({ required: [field] }));
    return { oneOf: [{ not: { anyOf: each } }, ...each] };
  });
  const [first] = alternatives;
  if (first === undefined) return {};
  return alternatives.length === 1 ? first : { allOf: alternatives };
}

/** A union has a structural form only where a fact of its own stands in for the type. */
function isSayable(schema: z.ZodUnion): boolean {
  const facts = manifestFacts.get(schema);
  return facts?.['x-kubernetes-int-or-string'] === true || facts?.['x-kubernetes-preserve-unknown-fields'] === true;
}
