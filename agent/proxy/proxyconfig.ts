/** The pod's ProxyConfig: the JSON that the injector computed from mesh, namespace and annotations (env PROXY_CONFIG). */
import { istiodPorts, names, namespaces, proxyPorts } from '#api/constants.ts';

export interface ProxyConfig {
  readonly discoveryAddress: string;
  readonly binaryPath: string;
  readonly configPath: string;
  readonly serviceCluster: string | undefined;
  /** Seconds. */
  readonly drainDuration: number;
  readonly terminationDrainDuration: number;
  readonly adminPort: number;
  readonly statusPort: number;
  /** 0 means one worker thread per CPU. */
  readonly concurrency: number | undefined;
  readonly statsInclusion: {
    readonly prefixes: readonly string[];
    readonly suffixes: readonly string[];
    readonly regexps: readonly string[];
  };
  readonly runtimeValues: Readonly<Record<string, string>>;
  /** Everything as it came, for node metadata. */
  readonly raw: Readonly<Record<string, unknown>>;
}

export interface Problems {
  /** One line per mistake, naming the field. */
  readonly add: (line: string) => void;
}

type Fields = Readonly<Record<string, unknown>>;

/** A field of the wrong type is a problem and counts as absent. */
export function parseProxyConfig(text: string | undefined, problems: Problems): ProxyConfig {
  const raw = parseObject(text, 'PROXY_CONFIG', problems);
  const field = reader(raw, 'PROXY_CONFIG', problems);
  const matcher = reader(asFields(raw.proxyStatsMatcher), 'PROXY_CONFIG.proxyStatsMatcher', problems);
  return {
    discoveryAddress:
      field.text('discoveryAddress') ?? `${names.istiod}.${namespaces.default}.svc:${istiodPorts.secureGrpc}`,
    binaryPath: field.text('binaryPath') ?? '/usr/local/bin/envoy',
    configPath: field.text('configPath') ?? '/etc/istio/proxy',
    serviceCluster: field.text('serviceCluster'),
    drainDuration: field.seconds('drainDuration') ?? 45,
    terminationDrainDuration: field.seconds('terminationDrainDuration') ?? 5,
    adminPort: field.number('proxyAdminPort') || proxyPorts.admin,
    statusPort: field.number('statusPort') || proxyPorts.status,
    concurrency: field.number('concurrency'),
    statsInclusion: {
      prefixes: matcher.list('inclusionPrefixes'),
      suffixes: matcher.list('inclusionSuffixes'),
      regexps: matcher.list('inclusionRegexps'),
    },
    runtimeValues: Object.fromEntries(
      Object.entries(asFields(raw.runtimeValues)).map(([key, value]) => [key, String(value)]),
    ),
    raw,
  };
}

/** A duration as protobuf or Go writes it (`5s`, `1m30s`, `500ms`), in seconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|h|m|s))+$/.test(text)) return undefined;
  const units: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 };
  let sum = 0;
  for (const [, amount = '0', unit = 's'] of text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g))
    sum += Number(amount) * (units[unit] ?? 0);
  return sum;
}

export function parseObject(text: string | undefined, at: string, problems: Problems): Fields {
  if (text === undefined || text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
    problems.add(`${at}: not a JSON object`);
  } catch (error) {
    problems.add(`${at}: not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  return {};
}

function asFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** Reads fields by their camelCase or snake_case name, as protobuf's JSON form allows both. */
function reader(fields: Fields, at: string, problems: Problems) {
  const get = (name: string): unknown =>
    fields[name] ?? fields[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)];
  const check = <T>(name: string, what: string, parse: (value: unknown) => T | undefined): T | undefined => {
    const value = get(name);
    if (value === undefined || value === null) return undefined;
    const parsed = parse(value);
    if (parsed === undefined) problems.add(`${at}.${name}: not ${what}`);
    return parsed;
  };
  return {
    text: (name: string) =>
      check(name, 'a text', (value) => (typeof value === 'string' && value !== '' ? value : undefined)),
    number: (name: string) =>
      check(name, 'a whole number', (value) =>
        Number.isInteger(value) && Number(value) >= 0 ? Number(value) : undefined,
      ),
    seconds: (name: string) =>
      check(name, 'a duration such as 5s', (value) => (typeof value === 'string' ? parseDuration(value) : undefined)),
    list: (name: string): readonly string[] =>
      check(name, 'a list of texts', (value) => (Array.isArray(value) ? value.map(String) : undefined)) ?? [],
  };
}
