/**
 * Keeps what lies in namespaces that the mesh does not look at out of the graph: decoded and at hand, because a label may
 * bring the namespace in at any time, and no watch tells of an object twice.
 */
import type { Edit, Input } from '#graph/index.ts';
import type { MeshInputs } from '#model/index.ts';
import type { Generations } from './generations.ts';
import type { NamespaceSelection } from './namespaces.ts';

/** Keys, or what is kept for them, by input. */
type ByInput<V> = Map<Input<unknown>, Map<string, V>>;

export interface NamespaceGate {
  /** The edit as the writer sees it: what is written for an unselected namespace stays outside. */
  guard(edit: Edit): Edit;
  /** Moves in or out what the selection has changed for: of one namespace, or of all. */
  follow(edit: Edit, namespace?: string): void;
}

export function createNamespaceGate(
  inputs: MeshInputs,
  selection: NamespaceSelection,
  generations: Generations,
): NamespaceGate {
  /** Per namespace: what is in the graph, and what is kept out of it. */
  const inside = new Map<string, ByInput<true>>();
  const outside = new Map<string, ByInput<unknown>>();

  const namespaceOf = (input: Input<unknown>, key: string): string | undefined => {
    if (input === inputs.nodes || input === inputs.namespaces || input === inputs.meshConfig) return undefined;
    // `cluster/namespace/…`, with a kind before it where resources of all kinds are together.
    return key.split('/', 3)[input === inputs.invalidConfigs ? 2 : 1];
  };

  const admit = (edit: Edit, input: Input<unknown>, namespace: string, key: string, value: unknown): void => {
    put(inside, namespace, input, key, true);
    drop(outside, namespace, input, key);
    edit.set(input, key, value);
  };

  const follow = (edit: Edit, only?: string): void => {
    const meant = <V>(all: Map<string, V>, admitted: boolean) =>
      [...(only === undefined ? all.keys() : [only])].flatMap((namespace): (readonly [string, V])[] => {
        const held = all.get(namespace);
        return held === undefined || selection.admits(namespace) !== admitted ? [] : [[namespace, held]];
      });
    const joining = meant(outside, true);
    const leaving = meant(inside, false);
    for (const [namespace, kept] of joining) {
      outside.delete(namespace);
      for (const [input, values] of kept) for (const [key, value] of values) admit(edit, input, namespace, key, value);
      // Of a faulty resource both its last valid version and the faulty one are kept; the younger one counts.
      const resources = [...kept.values()].flatMap((values) => [...values.values()].filter(isResource));
      for (const { cluster, kind, name, uid, generation } of resources.sort((a, b) => a.generation - b.generation))
        generations.note({ cluster, kind, namespace, name, uid, generation });
    }
    for (const [namespace, held] of leaving) {
      inside.delete(namespace);
      for (const [input, keys] of held)
        for (const key of keys.keys()) {
          const value = edit.peek(input, key);
          edit.delete(input, key);
          if (value !== undefined) put(outside, namespace, input, key, value);
          if (isResource(value)) generations.forget(value);
        }
    }
  };

  return {
    follow,
    guard: (edit) => ({
      set(input, key, value) {
        const namespace = namespaceOf(input, key);
        if (namespace === undefined) edit.set(input, key, value);
        else if (selection.admits(namespace)) admit(edit, input, namespace, key, value);
        else {
          put(outside, namespace, input, key, value);
          drop(inside, namespace, input, key);
          edit.delete(input, key);
        }
      },
      delete(input, key) {
        const namespace = namespaceOf(input, key);
        if (namespace !== undefined) {
          drop(inside, namespace, input, key);
          drop(outside, namespace, input, key);
        }
        edit.delete(input, key);
      },
      peek: (input, key) => edit.peek(input, key),
    }),
  };
}

function put<V>(all: Map<string, ByInput<V>>, namespace: string, input: Input<unknown>, key: string, value: V): void {
  const held = all.get(namespace) ?? new Map<Input<unknown>, Map<string, V>>();
  all.set(namespace, held);
  const keys = held.get(input) ?? new Map<string, V>();
  held.set(input, keys);
  keys.set(key, value);
}

function drop<V>(all: Map<string, ByInput<V>>, namespace: string, input: Input<unknown>, key: string): void {
  const held = all.get(namespace);
  const keys = held?.get(input);
  if (held === undefined || keys === undefined || !keys.delete(key)) return;
  if (keys.size === 0) held.delete(input);
  if (held.size === 0) all.delete(namespace);
}

type Resource = Parameters<Generations['note']>[0];

/** A mesh resource, valid or not; whose generations are recorded. */
function isResource(value: unknown): value is Resource {
  return typeof value === 'object' && value !== null && 'kind' in value && 'generation' in value;
}
