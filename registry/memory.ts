/** A source without an API server: objects are applied as YAML or values. */

import { parseAllDocuments } from 'yaml';
import { namespaces } from '#api/constants.ts';
import { parseMeshConfig } from '#api/index.ts';
import type { Batch } from '#graph/index.ts';
import type { MeshInputs } from '#model/index.ts';
import { LateenError, silentLogger } from '#runtime/index.ts';
import { createObjectAdmission } from './admission.ts';
import type { AnyObject } from './decode/objects.ts';
import type { Generations } from './generations.ts';
import { createClusterWriter, isObjectKind, type ObjectKind } from './writer.ts';

export interface MemorySourceOptions {
  readonly inputs: MeshInputs;
  readonly generations: Generations;
  /** Applies a batch to the graph. */
  readonly edit: (batch: Batch) => void;
  readonly clusterId?: string;
  readonly network?: string;
  /** Milliseconds since the epoch; without it no certificate is too early. */
  readonly now?: () => number;
}

export interface MemorySource {
  /** Applies documents in one batch. Throws `invalid` on a kind that isn't read or an object without a name. */
  apply(yaml: string | readonly AnyObject[]): void;
  delete(kind: ObjectKind, namespace: string, name: string): void;
  /** Takes over a MeshConfig in YAML form; throws `invalid` when it has errors. */
  applyMeshConfig(yaml: unknown): void;
}

export function createMemorySource(options: MemorySourceOptions): MemorySource {
  const { inputs, edit } = options;
  const clusterId = options.clusterId ?? 'Kubernetes';
  const context = { clusterId, domainSuffix: inputs.domainSuffix, network: options.network ?? '' };
  const writer = createClusterWriter({
    inputs,
    context,
    generations: options.generations,
    systemNamespace: namespaces.default,
    logger: silentLogger,
    ...(options.now === undefined ? {} : { now: options.now }),
  });
  const admission = createObjectAdmission(clusterId);

  return {
    apply(yaml) {
      const objects = typeof yaml === 'string' ? parseObjects(yaml) : yaml;
      const known = objects.map((object) => {
        const kind = object.kind ?? '';
        if (!isObjectKind(kind)) throw new LateenError('invalid', `objects of kind ${kind} are not read`);
        return { kind, object: admission.admit(object) };
      });
      edit((batch) => {
        for (const { kind, object } of known) writer.set(batch, kind, object);
      });
    },
    delete(kind, namespace, name) {
      admission.forget({ kind, namespace, name });
      edit((batch) => writer.delete(batch, kind, { namespace, name }));
    },
    applyMeshConfig(yaml) {
      const parsed = parseMeshConfig(yaml);
      if (!parsed.ok)
        throw new LateenError('invalid', parsed.errors.map(({ path, message }) => `${path}: ${message}`).join('; '));
      edit((batch) => writer.setMeshConfig(batch, parsed.value));
    },
  };
}

/** The objects of a YAML stream; empty documents are skipped. */
export function parseObjects(yaml: string): readonly AnyObject[] {
  return parseAllDocuments(yaml).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new LateenError('invalid', `YAML: ${error.message}`);
    const value: unknown = document.toJS();
    if (value === null || value === undefined) return [];
    if (!isNamed(value)) throw new LateenError('invalid', 'YAML: an object without kind or metadata.name');
    return [value];
  });
}

function isNamed(value: unknown): value is AnyObject {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('metadata' in value)) return false;
  const { metadata } = value;
  return typeof metadata === 'object' && metadata !== null && 'name' in metadata && typeof metadata.name === 'string';
}
