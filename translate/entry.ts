import type { SourceRef } from '#model/index.ts';
import { LateenError } from '#runtime/core/index.ts';
import type { ServedResource } from '#xds/source.ts';

/**
 * A resource and the user resources behind it. Sources do not decide whether a resource is sent again; they say whose
 * it is. A resource that could not be built is left out and says why, so that a fault in one costs nobody else theirs.
 */
export type Entry =
  | {
      readonly resource: ServedResource;
      readonly sources: readonly SourceRef[];
      /** A cluster whose endpoints depend on where the client runs. */
      readonly placed?: true;
    }
  | { readonly fault: LateenError; readonly name: string; readonly sources: readonly SourceRef[] }
  | typeof ABSENT;

/** Nothing to serve. */
export const ABSENT = { absent: true, sources: [] as readonly SourceRef[] } as const;

/** Runs a builder, turning a bug in it into an entry that says so. */
export function buildEntry(name: string, build: () => Entry): Entry {
  try {
    return build();
  } catch (error) {
    return { fault: LateenError.from(error), name, sources: [] };
  }
}

/** Cut-off test: the identical resource from the same sources. */
export function sameEntry(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  if ('resource' in a)
    return 'resource' in b && a.resource === b.resource && a.placed === b.placed && sameSources(a.sources, b.sources);
  if ('fault' in a) return 'fault' in b && a.fault.message === b.fault.message;
  return a === b;
}

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

/** What a list of entries says beside its resources. */
export interface Summary {
  /** Every user resource that contributes, each once. */
  readonly sources: readonly SourceRef[];
  /** Resources that a bug kept from being built. */
  readonly faults: readonly Extract<Entry, { fault: unknown }>[];
}

export function summarize(entries: readonly Entry[]): Summary {
  return {
    sources: mergeSources(entries.map((entry) => entry.sources)),
    faults: entries.filter((entry) => 'fault' in entry),
  };
}

export function mergeSummaries(summaries: readonly Summary[]): Summary {
  return {
    sources: mergeSources(summaries.map((summary) => summary.sources)),
    faults: summaries.flatMap((summary) => summary.faults),
  };
}

export function sameSummary(a: Summary, b: Summary): boolean {
  return (
    sameSources(a.sources, b.sources) &&
    a.faults.length === b.faults.length &&
    a.faults.every((fault, at) => fault === b.faults[at])
  );
}
