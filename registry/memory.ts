/**
 * A source without an API server: objects are applied as YAML or values. It plays the server's part as far as the mesh
 * reads it: uids, creation order, and a generation that grows when the spec does.
 */
import { isDeepStrictEqual } from 'node:util';
import { parseAllDocuments } from 'yaml';
import type { Batch } from '#graph/index.ts';
import type { MeshInputs } from '#model/index.ts';
import { LateenError } from '#runtime/core/index.ts';
import type { AnyObject } from './decode/objects.ts';
import type { Generations } from './generations.ts';
import { createClusterWriter, isObjectKind, type ObjectKind, writeMeshConfig } from './writer.ts';

export interface MemorySourceOptions {
  readonly inputs: MeshInputs;
  readonly generations: Generations;
  /** Applies a batch to the graph. */
  readonly edit: (batch: Batch) => void;
  readonly clusterId?: string;
  readonly network?: string;
}

export interface MemorySource {
  /** Applies documents in one batch. Throws `invalid` on a kind that isn't read or an object without a name. */
  apply(yaml: string | readonly AnyObject[]): void;
  delete(kind: ObjectKind, namespace: string, name: string): void;
  /** Takes over a MeshConfig in YAML form; throws `invalid` when it has errors. */
  applyMeshConfig(yaml: unknown): void;
}

interface Stored {
  readonly uid: string;
  readonly generation: number;
  readonly created: string;
  readonly spec: unknown;
}

export function createMemorySource(options: MemorySourceOptions): MemorySource {
  const { inputs, edit } = options;
  const clusterId = options.clusterId ?? 'Kubernetes';
  const context = { clusterId, domainSuffix: inputs.domainSuffix, network: options.network ?? '' };
  const writer = createClusterWriter(inputs, context, options.generations);
  const stored = new Map<string, Stored>();
  let serial = 0;

  const admit = (object: AnyObject): AnyObject => {
    const { metadata } = object;
    const key = `${object.kind}/${metadata.namespace ?? ''}/${metadata.name}`;
    const spec: unknown = Object.entries(object).find(([name]) => name === 'spec')?.[1];
    const before = stored.get(key);
    serial += 1;
    const after: Stored =
      before === undefined
        ? { uid: `${clusterId}-${serial}`, generation: 1, created: new Date(serial * 1000).toISOString(), spec }
        : { ...before, spec, generation: before.generation + (isDeepStrictEqual(before.spec, spec) ? 0 : 1) };
    stored.set(key, after);
    return {
      ...object,
      metadata: {
        uid: after.uid,
        generation: after.generation,
        creationTimestamp: after.created,
        ...metadata,
        resourceVersion: String(serial),
      },
    };
  };

  return {
    apply(yaml) {
      const objects = typeof yaml === 'string' ? parseObjects(yaml) : yaml;
      const known = objects.map((object) => {
        const kind = object.kind ?? '';
        if (!isObjectKind(kind)) throw new LateenError('invalid', `objects of kind ${kind} are not read`);
        return { kind, object: admit(object) };
      });
      edit((batch) => {
        for (const { kind, object } of known) writer.set(batch, kind, object);
      });
    },
    delete(kind, namespace, name) {
      stored.delete(`${kind}/${namespace}/${name}`);
      edit((batch) => writer.delete(batch, kind, { namespace, name }));
    },
    applyMeshConfig(yaml) {
      edit((batch) => {
        const outcome = writeMeshConfig(batch, inputs, yaml);
        if (!outcome.ok) throw new LateenError('invalid', outcome.errors.join('; '));
      });
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
