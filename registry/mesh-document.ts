/** MeshConfig and MeshNetworks as they stand in the mesh's ConfigMap. */

import { parseDocument } from 'yaml';
import {
  type Diagnostic,
  type MeshConfig,
  type ParseResult,
  parseMeshConfig,
  parseMeshNetworks,
  unhonouredMeshFields,
} from '#api/index.ts';

/** Keys of the ConfigMap to their text. */
export type MeshDocument = Readonly<Record<string, string>>;

/**
 * Checked as a whole, before any of it takes effect. An absent key is an empty text. Paths begin with the key, such as
 * `mesh.outboundTrafficPolicy.mode`.
 */
export function parseMeshDocument(data: MeshDocument | undefined): ParseResult<MeshConfig> {
  const mesh = parseKey(data, 'mesh', (yaml) => withWarnings(parseMeshConfig(yaml), unhonouredMeshFields(yaml)));
  const networks = parseKey(data, 'meshNetworks', (yaml) => {
    const parsed = parseMeshNetworks(yaml);
    const used = parsed.ok && Object.keys(parsed.value.networks ?? {}).length > 0;
    return withWarnings(parsed, used ? ['networks'] : []);
  });
  if (!mesh.ok) return networks.ok ? mesh : { ok: false, errors: [...mesh.errors, ...networks.errors] };
  return networks.ok ? { ...mesh, warnings: [...mesh.warnings, ...networks.warnings] } : networks;
}

/** Adds that fields have no effect. Those that nobody knows are complained about already. */
function withWarnings<T>(parsed: ParseResult<T>, paths: readonly string[]): ParseResult<T> {
  if (!parsed.ok) return parsed;
  const known = new Set(parsed.warnings.map(({ path }) => path));
  const more = paths
    .filter((path) => !known.has(path))
    .map((path): Diagnostic => ({ path, message: 'has no effect yet', severity: 'warning' }));
  return { ...parsed, warnings: [...parsed.warnings, ...more] };
}

function parseKey<T>(
  data: MeshDocument | undefined,
  key: string,
  parse: (yaml: unknown) => ParseResult<T>,
): ParseResult<T> {
  const text: unknown = data?.[key] ?? '';
  const read: Yaml = typeof text === 'string' ? readYaml(text) : { ok: false, message: 'must be a text' };
  if (!read.ok) return { ok: false, errors: [{ path: key, message: read.message, severity: 'error' }] };
  const parsed = parse(read.value ?? {});
  return parsed.ok
    ? { ...parsed, warnings: parsed.warnings.map((warning) => within(key, warning)) }
    : { ok: false, errors: parsed.errors.map((error) => within(key, error)) };
}

const within = (key: string, found: Diagnostic): Diagnostic => ({
  ...found,
  path: found.path === '' ? key : `${key}${found.path.startsWith('[') ? '' : '.'}${found.path}`,
});

type Yaml = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

function readYaml(text: string): Yaml {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) return { ok: false, message: `no YAML: ${error.message.split('\n', 1)[0]}` };
  try {
    return { ok: true, value: document.toJS() };
  } catch (thrown) {
    // Anchors that multiply without end.
    return { ok: false, message: `no YAML: ${thrown instanceof Error ? thrown.message : String(thrown)}` };
  }
}
