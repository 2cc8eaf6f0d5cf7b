/** Plays the API server's part, as far as the mesh reads it, for objects that no API server has seen. */
import { isDeepStrictEqual } from 'node:util';
import type { AnyObject } from './decode/objects.ts';

interface Stored {
  readonly uid: string;
  readonly generation: number;
  readonly created: string;
  readonly spec: unknown;
}

export interface ObjectAdmission {
  /** The object with a uid, the time when it was first seen (in order, a second apart), and a generation that grows when its spec does. */
  admit(object: AnyObject): AnyObject;
  forget(object: { readonly kind: string; readonly namespace: string; readonly name: string }): void;
}

export function createObjectAdmission(clusterId: string): ObjectAdmission {
  const stored = new Map<string, Stored>();
  let serial = 0;
  return {
    admit(object) {
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
    },
    forget: ({ kind, namespace, name }) => stored.delete(`${kind}/${namespace}/${name}`),
  };
}
