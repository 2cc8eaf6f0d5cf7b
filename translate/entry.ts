import type { SourceRef } from '#model/index.ts';
import { LateenError } from '#runtime/core/index.ts';
import type { ServedResource } from '#xds/source.ts';
import { noteSources } from './provenance.ts';
import { mergeSources, sameSources } from './sources.ts';

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

/** An entry that serves a resource; notes whose the resource is. */
export function createEntry(resource: ServedResource, sources: readonly SourceRef[]): BuiltEntry {
  noteSources(resource, sources);
  return { resource, sources };
}

export type BuiltEntry = Extract<Entry, { resource: unknown }>;

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

/** What a list of entries says beside its resources. */
export interface Summary {
  /** Every user resource that contributes, each once. */
  readonly sources: readonly SourceRef[];
  /** Of those, the ones that decide what there is and are behind no single resource. */
  readonly deciding?: readonly SourceRef[];
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
    sameSources(a.deciding ?? [], b.deciding ?? []) &&
    a.faults.length === b.faults.length &&
    a.faults.every((fault, at) => fault === b.faults[at])
  );
}
