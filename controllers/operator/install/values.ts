import { isObject, type Json, type JsonObject, readPath } from './json.ts';
import type { Problem } from './problem.ts';

/**
 * Reads settings out of a merged document. It remembers which paths were read, so that what nobody reads can be
 * reported, and collects values of the wrong type instead of failing at the first.
 */
export class ValuesReader {
  readonly #root: JsonObject;
  /** How the document is called in messages, e.g. `spec.values`. */
  readonly #label: string;
  readonly #read = new Set<string>();
  readonly #problems: Problem[] = [];

  constructor(root: JsonObject, label: string) {
    this.#root = root;
    this.#label = label;
  }

  /** Paths read so far. */
  get read(): ReadonlySet<string> {
    return this.#read;
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  string(path: string): string | undefined {
    return this.#typed(path, 'a string', (value) => (typeof value === 'string' ? value : undefined));
  }

  /** A string that says nothing when empty, as Helm values use it. */
  text(path: string): string | undefined {
    const value = this.string(path);
    return value === '' ? undefined : value;
  }

  /** A string or a number, as it stands (image tags, percentages). */
  scalar(path: string): string | number | undefined {
    return this.#typed(path, 'a string or a number', (value) =>
      typeof value === 'string' || typeof value === 'number' ? value : undefined,
    );
  }

  boolean(path: string): boolean | undefined {
    return this.#typed(path, 'a boolean', (value) => (typeof value === 'boolean' ? value : undefined));
  }

  number(path: string): number | undefined {
    return this.#typed(path, 'a number', (value) => (typeof value === 'number' ? value : undefined));
  }

  object(path: string): JsonObject | undefined {
    return this.#typed(path, 'a map', (value) => (isObject(value) ? value : undefined));
  }

  list(path: string): readonly Json[] | undefined {
    return this.#typed(path, 'a list', (value) => (Array.isArray(value) ? (value as readonly Json[]) : undefined));
  }

  /** Maps whose values are strings, numbers or booleans, all as strings (labels, annotations, environment). */
  strings(path: string): Readonly<Record<string, string>> | undefined {
    const object = this.object(path);
    if (object === undefined) return undefined;
    const entries = Object.entries(object).filter(([key, value]) => {
      const scalar = typeof value !== 'object';
      if (!scalar) this.#complain(`${path}.${key}`, 'a string');
      return scalar;
    });
    return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]));
  }

  /** Counts paths as read that are handed on whole to somebody who honours them. */
  handOn(...paths: readonly string[]): void {
    for (const path of paths) this.#read.add(path);
  }

  #typed<T>(path: string, expected: string, narrow: (value: Json) => T | undefined): T | undefined {
    this.#read.add(path);
    const value = readPath(this.#root, path);
    if (value === undefined || value === null) return undefined;
    const narrowed = narrow(value);
    if (narrowed === undefined) this.#complain(path, expected);
    return narrowed;
  }

  #complain(path: string, expected: string): void {
    const full = `${this.#label}.${path}`;
    if (!this.#problems.some((problem) => problem.path === full)) {
      this.#problems.push({ path: full, message: `must be ${expected}` });
    }
  }
}

/** Those of `leaves` that no read covers: neither the path itself nor a map around it was read whole. */
export function unreadPaths(leaves: readonly string[], read: ReadonlySet<string>): readonly string[] {
  return leaves.filter((leaf) => {
    const parts = leaf.split('.');
    return !parts.some((_, index) => read.has(parts.slice(0, index + 1).join('.')));
  });
}
