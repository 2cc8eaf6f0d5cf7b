/** Mesh resources: checked by the public vocabulary, stripped of everything that isn't ours to read. */
import { type KindDefinition, kinds } from '#api/index.ts';
import type { Config, ConfigStatus, InvalidConfig, MeshKind } from '#model/index.ts';
import { type AnyObject, type ClusterContext, parseOrigin } from './objects.ts';
import { parseConfigStatus } from './status.ts';

export const meshKinds = Object.keys(kinds).filter((kind): kind is MeshKind => kind !== 'IstioOperator');

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config<unknown> }
  | { readonly ok: false; readonly invalid: Omit<InvalidConfig, 'lastValidInForce'> };

export function parseConfig(kind: MeshKind, object: AnyObject, context: ClusterContext): ParsedConfig {
  const origin = { ...parseOrigin(object, context.clusterId), kind };
  const definition: KindDefinition<unknown> = kinds[kind];
  const parsed = definition.parse(object);
  if (!parsed.ok) {
    const errors = parsed.errors.map(({ path, message }) => ({ path, message }));
    return { ok: false, invalid: { ...origin, errors, ...readSelector(object) } };
  }
  const { metadata, spec } = parsed.value;
  const status: ConfigStatus | undefined = parseConfigStatus(kind, parsed.value.status);
  return {
    ok: true,
    config: {
      ...origin,
      // Those of a WorkloadEntry stand for the labels of a pod: anything may be selected by them.
      labels: kind === 'WorkloadEntry' ? (metadata.labels ?? {}) : keepOurs(metadata.labels),
      annotations: keepOurs(metadata.annotations),
      spec,
      ...(status === undefined ? {} : { status }),
    },
  };
}

/** Labels and annotations of Istio's own domains; what other tools write on the object is theirs. */
function keepOurs(pairs: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(pairs ?? {}).filter(([name]) => {
      const domain = name.split('/', 1)[0] ?? '';
      return domain === 'istio.io' || domain.endsWith('.istio.io');
    }),
  );
}

/** What a resource that failed its checks selects, where it says that it does not mean everything. */
function readSelector(object: AnyObject): Pick<InvalidConfig, 'selector' | 'selectorInDoubt'> {
  const selector = readField(readField(object, 'spec'), 'selector') ?? undefined;
  if (selector === undefined) return {};
  const labels = readField(selector, 'matchLabels') ?? {};
  if (!isRecord(selector) || !isRecord(labels)) return { selector: {}, selectorInDoubt: true };
  const given = Object.entries(labels);
  const pairs = given.filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  if (given.length === 0) return {};
  return { selector: Object.fromEntries(pairs), ...(pairs.length < given.length ? { selectorInDoubt: true } : {}) };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readField(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
