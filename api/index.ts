/**
 * Owns: the public vocabulary. Per kind a zod schema, from which the TypeScript type, the validation messages and the
 * committed manifest in `crds/` follow; the checks that a schema cannot say; defaults of MeshConfig and ProxyConfig.
 * May import: zod, re2js. `api/constants` is an entry of its own and imports nothing.
 * Invariants: `parse` never throws on user input and accepts whatever Istio accepts; values keep Istio's JSON form.
 */
export type { Diagnostic, KindDefinition, ObjectMeta, ParseResult, Resource } from './resource.ts';
