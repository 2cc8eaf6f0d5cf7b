/** Lists of the user resources behind something. */
import type { SourceRef } from '#model/index.ts';

export function sameSources(a: readonly SourceRef[], b: readonly SourceRef[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((source, at) => renderSource(source) === renderSource(b[at]));
}

/** One incarnation of a user resource. */
export function renderSource(source: SourceRef | undefined): string {
  if (source === undefined) return '';
  return `${source.cluster}/${source.kind}/${source.namespace}/${source.name}/${source.uid}`;
}

const NONE: readonly SourceRef[] = [];

/** Each source once, in a fixed order. */
export function mergeSources(lists: Iterable<readonly SourceRef[]>): readonly SourceRef[] {
  let merged: Map<string, SourceRef> | undefined;
  for (const list of lists) {
    if (list.length === 0) continue;
    merged ??= new Map();
    for (const source of list) merged.set(renderSource(source), source);
  }
  if (merged === undefined) return NONE;
  const all = merged;
  return [...all.keys()].sort().flatMap((key) => all.get(key) ?? []);
}
