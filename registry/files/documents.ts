/** One file of YAML into the objects that it holds, and what is wrong with it. */

import { parseAllDocuments } from 'yaml';
import { type CoreKindDefinition, coreKinds, type KindDefinition, kinds, type ParseResult } from '#api/index.ts';
import type { AnyObject } from '../decode/objects.ts';
import { isObjectKind, type ObjectKind } from '../writer.ts';

/** What may stand in a file: everything that is read of a cluster, the mesh's ConfigMap included. */
export type FileKind = ObjectKind | 'ConfigMap';

export interface FileObject {
  readonly kind: FileKind;
  /** `Kind/namespace/name`. */
  readonly key: string;
  readonly object: AnyObject;
  /** Nothing is wrong with it. */
  readonly valid: boolean;
  /** Which document of the file, counted from 1. */
  readonly document: number;
}

export interface DocumentProblem {
  readonly document: number;
  /** Of the field, from the object's root; empty for the whole. */
  readonly path: string;
  readonly message: string;
  /** The object that it is about; absent where it does not say what it is. */
  readonly key?: string;
}

export interface FileContent {
  readonly objects: readonly FileObject[];
  /** Objects that say who they are and are too faulty to be read: their earlier version stays. */
  readonly faulty: readonly string[];
  /** Some document does not say what it is: whatever the file held before may be meant by it. */
  readonly unclear: boolean;
  readonly problems: readonly DocumentProblem[];
  /** Kinds that no mesh reads, each once. */
  readonly foreign: readonly string[];
}

/** Documents of other kinds (Deployments, say) are left alone; an empty document is none. */
export function parseFile(text: string): FileContent {
  const objects: FileObject[] = [];
  const faulty: string[] = [];
  const problems: DocumentProblem[] = [];
  const foreign = new Set<string>();
  let unclear = false;

  const take = (value: unknown, document: number): void => {
    const fields = readFields(value);
    const { kind } = fields;
    if (kind === 'List' && Array.isArray(fields.items)) {
      for (const item of fields.items) take(item, document);
      return;
    }
    if (typeof kind !== 'string') {
      unclear = true;
      problems.push({ document, path: 'kind', message: 'is required' });
      return;
    }
    const definition = findKind(kind);
    // Other groups have kinds of the same name.
    if (
      definition === undefined ||
      (typeof fields.apiVersion === 'string' && groupOf(fields.apiVersion) !== definition.group)
    ) {
      foreign.add(kind);
      return;
    }
    const completed = complete(fields, definition.namespaced);
    const { name, namespace } = readFields(completed.metadata);
    if (typeof name !== 'string' || name === '' || (namespace !== undefined && typeof namespace !== 'string')) {
      unclear = true;
      problems.push({ document, path: 'metadata.name', message: 'an object needs a name and, at most, a namespace' });
      return;
    }
    const key = `${kind}/${namespace ?? ''}/${name}`;
    const parsed = definition.parse(completed);
    if (!parsed.ok) problems.push(...parsed.errors.map(({ path, message }) => ({ document, path, message, key })));
    // Mesh resources and the mesh configuration are judged again where they are taken over: their faults have consequences.
    if (parsed.ok || definition.judgedLater)
      objects.push({ kind: definition.kind, key, object: completed, valid: parsed.ok, document });
    else faulty.push(key);
  };

  for (const [at, parsed] of parseAllDocuments(text).entries()) {
    const document = at + 1;
    const value = readDocument(parsed);
    if (value.ok) {
      if (value.value !== null && value.value !== undefined) take(value.value, document);
    } else {
      unclear = true;
      problems.push({ document, path: '', message: value.message });
    }
  }
  return { objects, faulty, unclear, problems, foreign: [...foreign].sort() };
}

const groupOf = (apiVersion: string): string => apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')));

interface FileKindDefinition {
  readonly group: string;
  readonly kind: FileKind;
  readonly namespaced: boolean;
  readonly judgedLater: boolean;
  readonly parse: (object: unknown) => ParseResult<unknown>;
}

function findKind(kind: string): FileKindDefinition | undefined {
  const core: CoreKindDefinition | undefined = Object.hasOwn(coreKinds, kind)
    ? coreKinds[kind as keyof typeof coreKinds]
    : undefined;
  if (core !== undefined) {
    const { namespaced, parse, apiVersions } = core;
    return {
      group: groupOf(apiVersions[0] ?? ''),
      kind: kind as FileKind,
      namespaced,
      judgedLater: kind === 'ConfigMap',
      parse,
    };
  }
  if (!isObjectKind(kind) || !Object.hasOwn(kinds, kind)) return undefined;
  const mesh: KindDefinition<unknown> = kinds[kind as keyof typeof kinds];
  return { group: mesh.group, kind, namespaced: mesh.namespaced, judgedLater: true, parse: mesh.parse };
}

type Fields = Readonly<Record<string, unknown>>;

function readFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** Fields that the API server sets are not the file's to say; a namespaced object without a namespace is in `default`. */
function complete(fields: Fields, namespaced: boolean): AnyObject {
  const {
    uid: _uid,
    generation: _generation,
    resourceVersion: _version,
    managedFields: _fields,
    ...said
  } = readFields(fields.metadata);
  const metadata = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null));
  const { namespace: own = 'default', ...rest } = metadata;
  // `name` is looked at by the caller, everything else by the kind's own schema.
  return { ...fields, metadata: namespaced ? { ...rest, namespace: own } : rest } as unknown as AnyObject;
}

type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

function readDocument(document: ReturnType<typeof parseAllDocuments>[number]): Outcome {
  const [error] = document.errors;
  if (error !== undefined) return { ok: false, message: `no YAML: ${firstLine(error.message)}` };
  try {
    return { ok: true, value: document.toJS() as unknown };
  } catch (thrown) {
    // Anchors that multiply without end.
    return { ok: false, message: `no YAML: ${firstLine(thrown instanceof Error ? thrown.message : String(thrown))}` };
  }
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';
