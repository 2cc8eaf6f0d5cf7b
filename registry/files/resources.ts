/** Which object is in force for each resource of a folder, through edits of its files, faulty ones included. */
import type { AnyObject } from '../decode/objects.ts';
import { type FileContent, type FileKind, parseFile } from './documents.ts';

/** A resource in force and where it stands. */
export interface FileResource {
  readonly kind: FileKind;
  readonly object: AnyObject;
  readonly file: string;
  readonly document: number;
  /** It is valid, or was so in an earlier version. */
  readonly wasValid: boolean;
}

export interface FileProblem {
  readonly file: string;
  /** From 1; 0 for the file as a whole. */
  readonly document: number;
  readonly path: string;
  readonly message: string;
  /** What holds in the place of what it is about: what was valid before, nothing, or what stands elsewhere. */
  readonly inForce: 'before' | 'nothing' | 'elsewhere';
}

export interface FolderResources {
  /** By `Kind/namespace/name`. */
  readonly resources: ReadonlyMap<string, FileResource>;
  readonly problems: readonly FileProblem[];
  /** Kinds that are not read, by file. */
  readonly foreign: ReadonlyMap<string, readonly string[]>;
}

/** A file as it was read; undefined while it cannot be. */
export type ReadFile = { readonly path: string; readonly content: FileContent | undefined; readonly fault?: string };

export const readContent = (path: string, text: string): ReadFile => ({ path, content: parseFile(text) });

/**
 * Lays the files of a folder over what was in force. Of two files that hold the same resource the first by path counts.
 * What a file held stays in force while the file, or the document that may hold it, cannot be read.
 */
export function mergeFiles(before: ReadonlyMap<string, FileResource>, files: readonly ReadFile[]): FolderResources {
  const resources = new Map<string, FileResource>();
  const problems: FileProblem[] = [];
  const foreign = new Map<string, readonly string[]>();
  const keep = (key: string, known: FileResource | undefined) => {
    if (known !== undefined && !resources.has(key)) resources.set(key, known);
  };
  const holds = (path: string) => [...before.values()].some(({ file, wasValid }) => file === path && wasValid);
  const wasValid = (key: string) => before.get(key)?.wasValid === true;
  for (const { path: file, content, fault } of files) {
    const inForce = (is: boolean) => ({ inForce: is ? ('before' as const) : ('nothing' as const) });
    if (fault !== undefined) problems.push({ file, document: 0, path: '', message: fault, ...inForce(holds(file)) });
    for (const { kind, key, object, document, valid } of content?.objects ?? []) {
      const earlier = resources.get(key);
      if (earlier === undefined) resources.set(key, { kind, object, file, document, wasValid: valid || wasValid(key) });
      else {
        const place = `document ${earlier.document} of ${earlier.file}`;
        problems.push({
          file,
          document,
          path: 'metadata.name',
          message: `${key} stands in ${place} already, which counts`,
          inForce: 'elsewhere',
        });
      }
    }
    for (const { key, ...problem } of content?.problems ?? [])
      problems.push({ file, ...problem, ...inForce(key === undefined ? holds(file) : wasValid(key)) });
    if (content !== undefined && content.foreign.length > 0) foreign.set(file, content.foreign);
  }
  for (const { path, content } of files) {
    for (const key of content?.faulty ?? []) keep(key, before.get(key));
    if (content !== undefined && !content.unclear) continue;
    for (const [key, known] of before) if (known.file === path) keep(key, known);
  }
  return { resources, problems, foreign };
}
