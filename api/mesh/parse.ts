/** Untrusted mesh settings in, settings with defaults out. */
import type * as z from 'zod';
import type { Diagnostic, ParseResult } from '../resource.ts';
import { diagnose, renderPath } from '../schema/diagnose.ts';
import { readProtoJson } from '../schema/protojson.ts';
import { unknownFields } from '../schema/unknownfields.ts';
import { checkMeshConfig } from './checks.ts';
import { defaultMeshConfig, defaultProxyConfig } from './defaults.ts';
import { MeshConfig } from './meshconfig.ts';
import { MeshNetworks } from './meshnetworks.ts';
import { ProxyConfig } from './proxyconfig.ts';

/**
 * A MeshConfig as YAML was read, over `base`. As in Istio a field replaces the base's, except that `defaultConfig` and
 * `defaultProviders` are merged field by field, extension providers by name, and trust domain aliases are joined.
 */
export function parseMeshConfig(yaml: unknown, base: MeshConfig = defaultMeshConfig): ParseResult<MeshConfig> {
  const parsed = parseMessage(MeshConfig, yaml);
  if (!parsed.ok) return parsed;
  const value = mergeMeshConfig(base, parsed.value);
  const found = checkMeshConfig(value);
  const errors = found.filter((diagnostic) => diagnostic.severity === 'error');
  if (errors.length > 0) return { ok: false, errors };
  return { ok: true, value, warnings: [...parsed.warnings, ...found] };
}

/** A ProxyConfig, such as the annotation proxy.istio.io/config holds, over `base`; proxyMetadata is merged by key. */
export function parseProxyConfig(yaml: unknown, base: ProxyConfig = defaultProxyConfig): ParseResult<ProxyConfig> {
  const parsed = parseMessage(ProxyConfig, yaml);
  return parsed.ok ? { ...parsed, value: mergeProxyConfig(base, parsed.value) } : parsed;
}

export function parseMeshNetworks(yaml: unknown): ParseResult<MeshNetworks> {
  return parseMessage(MeshNetworks, yaml);
}

/** What an empty file means: nothing is set. */
function parseMessage<T>(schema: z.ZodType<T>, yaml: unknown): ParseResult<T> {
  const value = readProtoJson(schema, yaml ?? {});
  const parsed = schema.safeParse(value);
  if (!parsed.success) return { ok: false, errors: diagnose(parsed.error, value) };
  const warnings = unknownFields(schema, value).map(
    (path): Diagnostic => ({ path: renderPath(path), message: 'unknown field', severity: 'warning' }),
  );
  return { ok: true, value: parsed.data, warnings };
}

/** Layers one configuration over another by Istio's rules. */
export function mergeMeshConfig(base: MeshConfig, over: MeshConfig): MeshConfig {
  return {
    ...base,
    ...over,
    defaultConfig: mergeProxyConfig(base.defaultConfig ?? {}, over.defaultConfig ?? {}),
    defaultProviders: { ...base.defaultProviders, ...over.defaultProviders },
    extensionProviders: mergeProviders(base.extensionProviders ?? [], over.extensionProviders ?? []),
    trustDomainAliases: [...new Set([...(base.trustDomainAliases ?? []), ...(over.trustDomainAliases ?? [])])].sort(),
  };
}

function mergeProxyConfig(base: ProxyConfig, over: ProxyConfig): ProxyConfig {
  const proxyMetadata = { ...base.proxyMetadata, ...over.proxyMetadata };
  return { ...base, ...over, ...(Object.keys(proxyMetadata).length > 0 ? { proxyMetadata } : {}) };
}

type Providers = NonNullable<MeshConfig['extensionProviders']>;

function mergeProviders(base: Providers, over: Providers): Providers {
  const names = new Set(base.map((provider) => provider.name));
  const replaced = base.map((provider) => over.find((other) => other.name === provider.name) ?? provider);
  return [...replaced, ...over.filter((provider) => !names.has(provider.name))];
}
