import { parseDocument } from 'yaml';

/** MeshConfig as it stands in the ConfigMap, read as YAML; an absent document is an empty one. */
export function parseMeshDocument(
  text: string | undefined,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly errors: readonly string[] } {
  const document = parseDocument(text ?? '');
  if (document.errors.length > 0) return { ok: false, errors: document.errors.map((error) => error.message) };
  const value: unknown = document.toJS();
  return { ok: true, value: value ?? {} };
}
