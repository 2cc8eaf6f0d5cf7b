/** YAML files beside the tests, read as objects. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

export interface TestDocument {
  /** File name and position in the file. */
  readonly name: string;
  readonly kind: string;
  readonly object: unknown;
}

/** Every document of every YAML file in `api/testdata/<folder>`; throws on text that is no YAML. */
export async function readDocuments(folder: string): Promise<TestDocument[]> {
  const directory = join(import.meta.dirname, '..', 'testdata', folder);
  const files = (await readdir(directory)).filter((name) => name.endsWith('.yaml')).sort();
  const read = files.map(async (file) => readFileDocuments(file, await readFile(join(directory, file), 'utf8')));
  return (await Promise.all(read)).flat();
}

function readFileDocuments(file: string, text: string): TestDocument[] {
  return parseAllDocuments(text).map((document, index) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const object: unknown = document.toJS();
    return { name: `${file} #${index + 1}`, kind: kindOf(object), object };
  });
}

function kindOf(object: unknown): string {
  const kind: unknown = typeof object === 'object' && object !== null ? Reflect.get(object, 'kind') : undefined;
  if (typeof kind !== 'string') throw new TypeError('a test document has no kind');
  return kind;
}
