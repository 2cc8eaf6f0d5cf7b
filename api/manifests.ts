import { kinds } from './kinds.ts';
import { type CustomResourceDefinition, renderManifest } from './manifest.ts';

/** The definition of every kind, sorted by name. */
export function manifests(): CustomResourceDefinition[] {
  return Object.values(kinds)
    .map((kind) => renderManifest(kind.options))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}
