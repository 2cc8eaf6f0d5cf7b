/**
 * Settings of a process: one zod object schema, parsed once from flags and environment. `xds.warmTimeout` is spelled
 * `--xds-warm-timeout` as a flag and `LATEEN_XDS_WARM_TIMEOUT` in the environment; a flag wins over the environment.
 */
import * as z from 'zod';

export const ENVIRONMENT_PREFIX = 'LATEEN_';

/** Something wrong with one setting; `path` is its dotted name, `source` where its value came from. */
export interface SettingProblem {
  readonly path: string;
  readonly source: string;
  readonly message: string;
}

export type SettingsResult<S> =
  | { readonly ok: true; readonly settings: S }
  | { readonly ok: false; readonly problems: readonly SettingProblem[] };

/** Flags by name, with or without dashes in front, in kebab or camel case; `true` for a flag without a value. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;
export type Environment = Readonly<Record<string, string | undefined>>;

interface Leaf {
  readonly path: readonly string[];
  readonly flag: string;
  readonly variable: string;
  readonly schema: z.ZodType;
}

/** Never throws: everything that is wrong is reported at once, each with the name that the user wrote. */
export function parseSettings<S>(schema: z.ZodType<S>, env: Environment, flags: Flags): SettingsResult<S> {
  const leaves = settingLeaves(schema);
  const byFlag = new Map(leaves.map((leaf) => [leaf.flag, leaf]));
  const given = new Map<Leaf, { readonly raw: string | boolean; readonly source: string }>();
  const problems: SettingProblem[] = [];
  for (const leaf of leaves) {
    const raw = env[leaf.variable];
    if (raw !== undefined) given.set(leaf, { raw, source: leaf.variable });
  }
  for (const [name, raw] of Object.entries(flags)) {
    if (raw === undefined) continue;
    const flag = kebab(name.replace(/^--/, ''));
    const leaf = byFlag.get(flag);
    if (leaf === undefined) problems.push({ path: flag, source: `--${flag}`, message: 'unknown flag' });
    else given.set(leaf, { raw, source: `--${flag}` });
  }
  const input: Record<string, unknown> = {};
  for (const [leaf, { raw }] of given) place(input, leaf.path, coerce(leaf.schema, raw));
  const parsed = schema.safeParse(input);
  if (parsed.success && problems.length === 0) return { ok: true, settings: parsed.data };
  for (const issue of parsed.error?.issues ?? []) {
    const path = issue.path.map(String);
    const leaf = leaves.find((one) => one.path.every((part, at) => part === path[at]));
    const from = leaf === undefined ? undefined : given.get(leaf)?.source;
    problems.push({
      path: path.join('.'),
      source: from ?? (leaf === undefined ? '' : `--${leaf.flag}`),
      message: issue.message,
    });
  }
  return { ok: false, problems };
}

/** One line per problem, fit for stderr. */
export function renderProblems(problems: readonly SettingProblem[]): string {
  return problems
    .map(({ path, source, message }) => `${source === '' ? path : `${source} (${path})`}: ${message}`)
    .join('\n');
}

export interface SettingDescription {
  readonly path: string;
  readonly flag: string;
  readonly variable: string;
  readonly description: string;
}

/** Every setting of a schema, for help texts and the reference. */
export function describeSettings(schema: z.ZodType): readonly SettingDescription[] {
  return settingLeaves(schema).map(({ path, flag, variable, schema: leaf }) => ({
    path: path.join('.'),
    flag: `--${flag}`,
    variable,
    description: leaf.description ?? unwrap(leaf).description ?? '',
  }));
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A length of time written as Go and Istio write it ("500ms", "5s", "1m30s", "24h"), as milliseconds. */
export const durationSetting = () =>
  z.string().transform((text, context) => {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
    if (text === '0') return 0;
    if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) {
      context.addIssue({ code: 'custom', message: `"${text}" is not a duration such as 500ms, 5s or 1m30s` });
      return z.NEVER;
    }
    return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS[unit ?? ''] ?? 0), 0);
  });

function settingLeaves(schema: z.ZodType, path: readonly string[] = []): readonly Leaf[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape).flatMap(([key, field]) => settingLeaves(field as z.ZodType, [...path, key]));
  }
  const flag = path.map(kebab).join('-');
  return [{ path, flag, variable: ENVIRONMENT_PREFIX + flag.replaceAll('-', '_').toUpperCase(), schema }];
}

/** The schema below defaults and optionality. */
function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.def.innerType as z.ZodType);
  }
  return schema;
}

/** Text into what the schema wants; text that does not fit is left for the schema to refuse. */
function coerce(schema: z.ZodType, raw: string | boolean): unknown {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodBoolean) return raw === 'true' ? true : raw === 'false' ? false : raw;
  if (typeof raw === 'boolean') return String(raw);
  if (inner instanceof z.ZodNumber) return raw.trim() === '' || Number.isNaN(Number(raw)) ? raw : Number(raw);
  if (inner instanceof z.ZodArray) return raw === '' ? [] : raw.split(',').map((part) => part.trim());
  return raw;
}

function place(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path;
  if (first === undefined) return;
  if (rest.length === 0) {
    target[first] = value;
    return;
  }
  const below = (target[first] ?? {}) as Record<string, unknown>;
  target[first] = below;
  place(below, rest, value);
}

function kebab(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
}
