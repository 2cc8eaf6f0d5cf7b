import * as z from 'zod';
import type { Diagnostic, KindDefinition, ObjectMeta, ParseResult, Resource } from '../resource.ts';
import { diagnose, renderPath } from './diagnose.ts';
import { readProtoJson } from './protojson.ts';
import { unknownFields } from './unknownfields.ts';

/** Something the schema cannot say about a spec; paths begin with `spec`. */
export type Check<Spec> = (spec: Spec, metadata: ObjectMeta) => readonly Diagnostic[];

export interface PrinterColumn {
  readonly name: string;
  readonly jsonPath: string;
  readonly type: 'string' | 'date' | 'integer';
  readonly description: string;
  readonly priority?: number;
}

/** What the manifest of a kind is made of. */
export interface ManifestOptions {
  readonly group: string;
  readonly versions: readonly string[];
  readonly storageVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly categories: readonly string[];
  readonly description: string;
  readonly spec: z.ZodType;
  /** Whether an object without `spec` is refused. */
  readonly specRequired?: boolean;
  readonly status: z.ZodType;
  readonly statusDefault?: unknown;
  readonly columns: readonly PrinterColumn[];
  /** The spec holds protobuf JSON: fields may bear their proto names, and null means absent. */
  readonly protoJson?: boolean;
  /** The API server keeps fields of the spec that the schema does not know. */
  readonly preserveUnknown?: boolean;
}

export interface KindOptions<Spec> extends ManifestOptions {
  readonly spec: z.ZodType<Spec>;
  readonly check?: Check<Spec>;
  /** How serious an unknown field is; a warning for every kind that prunes them. */
  readonly judgeUnknown?: (path: readonly PropertyKey[]) => Diagnostic['severity'];
}

/** A kind with all that its manifest is made of. */
export interface ApiKind<Spec> extends KindDefinition<Spec> {
  readonly options: KindOptions<Spec>;
}

const metadata = z.looseObject({
  name: z.string().default(''),
  namespace: z.string().exactOptional(),
  uid: z.string().exactOptional(),
  generation: z.int().exactOptional(),
  resourceVersion: z.string().exactOptional(),
  creationTimestamp: z.string().exactOptional(),
  deletionTimestamp: z.string().exactOptional(),
  labels: z.record(z.string(), z.string()).exactOptional(),
  annotations: z.record(z.string(), z.string()).exactOptional(),
  finalizers: z.array(z.string()).exactOptional(),
});

export function defineKind<Spec>(options: KindOptions<Spec>): ApiKind<Spec> {
  const envelope = z.object({
    apiVersion: z.enum(options.versions.map((version) => `${options.group}/${version}`)),
    kind: z.literal(options.kind),
    metadata: z.preprocess(withoutNulls, metadata),
    spec: z.unknown().optional(),
    status: z.unknown().optional(),
  });
  const parse = (object: unknown): ParseResult<Resource<Spec>> => {
    const outer = envelope.safeParse(object);
    if (!outer.success) return { ok: false, errors: diagnose(outer.error, object) };
    return parseSpec(options, outer.data);
  };
  return { ...options, shortNames: options.shortNames ?? [], namespaced: true, options, parse };
}

interface Envelope {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
}

function parseSpec<Spec>(options: KindOptions<Spec>, outer: Envelope): ParseResult<Resource<Spec>> {
  const written = options.specRequired ? outer.spec : (outer.spec ?? {});
  const raw = options.protoJson ? readProtoJson(options.spec, written) : written;
  const unknown = unknownFields(options.spec, raw).map((path) => unknownField(options, path));
  const parsed = options.spec.safeParse(raw);
  const errors = unknown.filter((diagnostic) => diagnostic.severity === 'error');
  if (!parsed.success) return { ok: false, errors: [...diagnose(parsed.error, raw, ['spec']), ...errors] };
  const found = [...checkName(outer.metadata), ...(options.check?.(parsed.data, outer.metadata) ?? [])];
  errors.push(...found.filter((diagnostic) => diagnostic.severity === 'error'));
  if (errors.length > 0) return { ok: false, errors };
  const { apiVersion, kind, metadata: meta, status } = outer;
  return {
    ok: true,
    value: { apiVersion, kind, metadata: meta, spec: parsed.data, ...(status === undefined ? {} : { status }) },
    warnings: [...unknown, ...found],
  };
}

function unknownField<Spec>(options: KindOptions<Spec>, path: readonly PropertyKey[]): Diagnostic {
  return {
    path: renderPath(['spec', ...path]),
    message: 'unknown field',
    severity: options.judgeUnknown?.(path) ?? 'warning',
  };
}

/** The API server insists on a name; a file may leave it to whoever applies it. */
function checkName(metadata: ObjectMeta): Diagnostic[] {
  return metadata.name === '' ? [{ path: 'metadata.name', message: 'is empty', severity: 'warning' }] : [];
}

/** Tools that print manifests write `creationTimestamp: null`; a file to be completed has no metadata at all. */
function withoutNulls(value: unknown): unknown {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
}
