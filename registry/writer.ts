/**
 * Turns objects of one cluster into edits of the graph's inputs. Remembers which keys it wrote, so that a new list
 * also removes, and which mesh resources were valid, so that their last valid version stays in force.
 */
import type { MeshConfig, ServiceEntrySpec } from '#api/index.ts';
import type { Edit, Input } from '#graph/index.ts';
import {
  type Config,
  type MeshInputs,
  type MeshKind,
  renderHostKey,
  renderObjectKey,
  type Service,
} from '#model/index.ts';
import type { Logger } from '#runtime/index.ts';
import { meshKinds, parseConfig } from './decode/config.ts';
import { parseEndpointSlice } from './decode/endpointslice.ts';
import type { AnyObject, ClusterContext, EndpointSliceObject, PodObject, ServiceObject } from './decode/objects.ts';
import { parseService } from './decode/service.ts';
import { parseServiceEntry } from './decode/serviceentry.ts';
import { parseNamespace, parseNode, parsePod } from './decode/workload.ts';
import { ObjectEvents } from './events.ts';
import type { Generations } from './generations.ts';
import { createNamespaceGate } from './namespace-gate.ts';
import { createNamespaceSelection, type NamespaceSelection } from './namespaces.ts';
import { createSecretTable } from './secret-table.ts';

export type CoreKind = 'Service' | 'EndpointSlice' | 'Pod' | 'Node' | 'Namespace' | 'Secret';
export type ObjectKind = CoreKind | MeshKind;

export const coreKinds: readonly CoreKind[] = ['Service', 'EndpointSlice', 'Pod', 'Node', 'Namespace', 'Secret'];

export function isObjectKind(kind: string): kind is ObjectKind {
  return coreKinds.some((known) => known === kind) || meshKinds.some((known) => known === kind);
}

interface ObjectId {
  readonly namespace?: string;
  readonly name: string;
}

export interface ClusterWriter {
  readonly context: ClusterContext;
  set(edit: Edit, kind: ObjectKind, object: AnyObject): void;
  delete(edit: Edit, kind: ObjectKind, object: ObjectId): void;
  /** Whether the object is there, as far as was written. */
  has(kind: ObjectKind, object: ObjectId): boolean;
  /** The whole collection as it is now; whatever is not in it is removed. */
  replace(edit: Edit, kind: ObjectKind, objects: readonly AnyObject[]): void;
  /** The same in parts, for as many edits. */
  list(kind: ObjectKind): ListWriter;
  /** Takes over a mesh configuration, and looks at the namespaces that it selects from now on. */
  setMeshConfig(edit: Edit, config: MeshConfig): void;
  /** The namespaces that are looked at; `onChange` tells of edits that may have changed which. */
  readonly namespaces: NamespaceFilter;
}

export interface NamespaceFilter {
  admits(namespace: string): boolean;
  /** Returns how to stop. */
  onChange(listener: () => void): () => void;
}

/** Writes a collection as it is listed. */
export interface ListWriter {
  add(edit: Edit, objects: readonly AnyObject[]): void;
  /** Removes whatever was not added. */
  end(edit: Edit): void;
}

/** The input of a core kind and how its objects are decoded; undefined stands for an object that counts as absent. */
type CoreTable = { readonly [Kind in CoreKind]: (edit: Edit, key: string, object: AnyObject | undefined) => void };

export interface ClusterWriterOptions {
  readonly inputs: MeshInputs;
  readonly context: ClusterContext;
  readonly generations: Generations;
  /** Where the control plane runs: the mesh's root namespace while its configuration names none. */
  readonly systemNamespace: string;
  /** Counts what comes and goes. */
  readonly events?: ObjectEvents;
  /** Told of Secrets that cannot be used: no resource of the mesh carries that in its own status. */
  readonly logger: Logger;
  /** Milliseconds since the epoch; without it no certificate is too early. */
  readonly now?: () => number;
}

export function createClusterWriter(options: ClusterWriterOptions): ClusterWriter {
  const { inputs, context, generations, systemNamespace, events = new ObjectEvents(), logger, now } = options;
  const selection = createNamespaceSelection(systemNamespace);
  const gate = createNamespaceGate(inputs, selection, generations);
  const core = createCoreTable(inputs, context, createSecretTable(inputs, context, logger, now));
  const configs = createConfigTable(inputs, context, { generations, selection });
  const known = new Map<ObjectKind, Set<string>>();
  const listeners = new Set<() => void>();

  const announce = () => {
    for (const listener of listeners) listener();
  };
  const setLabels = (edit: Edit, namespace: string, object: AnyObject | undefined) => {
    const before = selection.admits(namespace);
    selection.setLabels(namespace, object === undefined ? undefined : (object.metadata.labels ?? {}));
    if (selection.admits(namespace) === before) return;
    gate.follow(edit, namespace);
    announce();
  };

  const keyOf = (kind: ObjectKind, { namespace = '', name }: ObjectId): string =>
    kind === 'Node' || kind === 'Namespace'
      ? `${context.clusterId}/${name}`
      : renderObjectKey(context.clusterId, namespace, name);

  const write = (unguarded: Edit, kind: ObjectKind, id: ObjectId, object: AnyObject | undefined) => {
    const edit = gate.guard(unguarded);
    const key = keyOf(kind, id);
    const keys = known.get(kind) ?? new Set<string>();
    known.set(kind, keys);
    const before = keys.size;
    if (object === undefined) keys.delete(key);
    else keys.add(key);
    if (keys.size !== before || object !== undefined)
      events.note(kind, keys.size > before ? 'add' : object === undefined ? 'delete' : 'update');
    try {
      if (isCore(kind)) core[kind](edit, key, object);
      else configs(edit, kind, key, object);
    } catch (error) {
      // A bug of ours. It would end the watch, and with it the process, again and again as long as the object is there.
      const { namespace = '', name } = id;
      logger.error('an object cannot be read; what it was before stays in force', { kind, namespace, name, error });
    }
    if (kind === 'Namespace') setLabels(unguarded, id.name, object);
  };

  const list = (kind: ObjectKind): ListWriter => {
    // Known when the first edit comes to be applied, which may be later.
    let gone: Set<string> | undefined;
    const left = () => {
      gone ??= new Set(known.get(kind));
      return gone;
    };
    return {
      add(edit, objects) {
        const absent = left();
        for (const object of objects) {
          write(edit, kind, object.metadata, object);
          absent.delete(keyOf(kind, object.metadata));
        }
      },
      end(edit) {
        for (const key of left()) {
          const [, first = '', second] = key.split('/');
          write(edit, kind, second === undefined ? { name: first } : { namespace: first, name: second }, undefined);
        }
      },
    };
  };

  return {
    context,
    set: (edit, kind, object) => write(edit, kind, object.metadata, object),
    delete: (edit, kind, object) => write(edit, kind, object, undefined),
    has: (kind, object) => known.get(kind)?.has(keyOf(kind, object)) === true,
    replace(edit, kind, objects) {
      const writing = list(kind);
      writing.add(edit, objects);
      writing.end(edit);
    },
    list,
    setMeshConfig(edit, config) {
      edit.set(inputs.meshConfig, 'mesh', config);
      events.note('MeshConfig', 'update');
      selection.setSelectors(config.discoverySelectors ?? [], config.rootNamespace ?? systemNamespace);
      gate.follow(edit);
      announce();
    },
    namespaces: {
      admits: (namespace) => selection.admits(namespace),
      onChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
}

function isCore(kind: ObjectKind): kind is CoreKind {
  return coreKinds.some((known) => known === kind);
}

function createCoreTable(inputs: MeshInputs, context: ClusterContext, secrets: CoreTable['Secret']): CoreTable {
  const table =
    <O extends AnyObject, V>(input: Input<V>, parse: (object: O, context: ClusterContext) => V | undefined) =>
    (edit: Edit, key: string, object: AnyObject | undefined) => {
      // The kind of the watch or document says which of the shapes an object has.
      const value = object === undefined ? undefined : parse(object as O, context);
      if (value === undefined) edit.delete(input, key);
      else edit.set(input, key, value);
    };
  return {
    Service: table<ServiceObject, ValueOf<typeof inputs.services>>(inputs.services, parseService),
    EndpointSlice: table<EndpointSliceObject, ValueOf<typeof inputs.endpointSlices>>(
      inputs.endpointSlices,
      parseEndpointSlice,
    ),
    Pod: table<PodObject, ValueOf<typeof inputs.workloads>>(inputs.workloads, parsePod),
    Node: table<AnyObject, ValueOf<typeof inputs.nodes>>(inputs.nodes, parseNode),
    Namespace: table<AnyObject, ValueOf<typeof inputs.namespaces>>(inputs.namespaces, parseNamespace),
    Secret: secrets,
  };
}

type ValueOf<I> = I extends Input<infer V> ? V : never;

type WriteConfig = (edit: Edit, kind: MeshKind, key: string, object: AnyObject | undefined) => void;

function createConfigTable(
  inputs: MeshInputs,
  context: ClusterContext,
  { generations, selection }: { readonly generations: Generations; readonly selection: NamespaceSelection },
): WriteConfig {
  const valid = new Set<string>();
  const writeHosts = createHostTable(inputs);
  return (edit, kind, key, object) => {
    const resource = `${kind}/${key}`;
    const input = inputs.configs[kind];
    if (object === undefined) {
      const [cluster = '', namespace = '', name = ''] = key.split('/');
      valid.delete(resource);
      edit.delete(input, key);
      if (kind === 'ServiceEntry') writeHosts(edit, key, new Map());
      edit.delete(inputs.invalidConfigs, resource);
      generations.forget({ cluster, kind, namespace, name });
      return;
    }
    const parsed = parseConfig(kind, object, context);
    const { cluster, namespace, name, uid, generation } = parsed.ok ? parsed.config : parsed.invalid;
    if (selection.admits(namespace)) generations.note({ cluster, kind, namespace, name, uid, generation });
    if (parsed.ok) {
      // The kind of the resource says which of the shapes its spec has.
      if (kind === 'ServiceEntry') writeHosts(edit, key, parseServiceEntry(parsed.config as Config<ServiceEntrySpec>));
      valid.add(resource);
      edit.set(input, key, parsed.config);
      edit.delete(inputs.invalidConfigs, resource);
    } else {
      edit.set(inputs.invalidConfigs, resource, { ...parsed.invalid, lastValidInForce: valid.has(resource) });
    }
  };
}

/** Keeps the destinations that ServiceEntries declare, one per host, in step with them. */
function createHostTable(
  inputs: MeshInputs,
): (edit: Edit, key: string, services: ReadonlyMap<string, Service>) => void {
  const written = new Map<string, readonly string[]>();
  return (edit, key, services) => {
    for (const host of written.get(key) ?? []) {
      if (!services.has(host)) edit.delete(inputs.services, renderHostKey(key, host));
    }
    for (const [host, service] of services) edit.set(inputs.services, renderHostKey(key, host), service);
    if (services.size > 0) written.set(key, [...services.keys()]);
    else written.delete(key);
  };
}
