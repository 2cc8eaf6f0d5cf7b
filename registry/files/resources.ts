/** Which object is in force for each resource of a folder, through edits of its files, faulty ones included. */
import type { AnyObject } from '../decode/objects.ts';
import { type FileContent, type FileKind, parseFile } from './documents.ts';

/** A resource in force and where it stands. */
export interface FileResource {
  readonly kind: FileKind;
  readonly object: AnyObject;
  readonly file: string;
  readonly document: number;
}

export interface FileProblem {
  readonly file: string;
  /** From 1; 0 for the file as a whole. */
  readonly document: number;
  readonly path: string;
  readonly message: string;
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
  for (const { path: file, content, fault } of files) {
    if (fault !== undefined) problems.push({ file, document: 0, path: '', message: fault });
    for (const { kind, key, object, document } of content?.objects ?? []) {
      const earlier = resources.get(key);
      if (earlier === undefined) resources.set(key, { kind, object, file, document });
      else {
        const place = `document ${earlier.document} of ${earlier.file}`;
        problems.push({
          file,
          document,
          path: 'metadata.name',
          message: `${key} stands in ${place} already, which counts`,
        });
      }
    }
    problems.push(...(content?.problems ?? []).map((problem) => ({ file, ...problem })));
    if (content !== undefined && content.foreign.length > 0) foreign.set(file, content.foreign);
  }
  for (const { path, content } of files) {
    for (const key of content?.faulty ?? []) keep(key, before.get(key));
    if (content !== undefined && !content.unclear) continue;
    for (const [key, known] of before) if (known.file === path) keep(key, known);
  }
  return { resources, problems, foreign };
}
