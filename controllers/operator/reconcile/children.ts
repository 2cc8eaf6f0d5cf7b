import {
  type Change,
  cacheKind,
  type KindCache,
  type KubeClient,
  objectKey,
  type Resource,
  type WatchTrouble,
} from '#kube/index.ts';
import type { Component } from '#runtime/core/index.ts';
import type { Owner } from '../install/installation.ts';
import { ownerLabels } from '../render/child.ts';
import { childKinds } from './child-kinds.ts';
import { type ObservedChild, observeChild } from './observed.ts';

export interface ChildrenOptions {
  readonly client: KubeClient;
  /** Called with `namespace/name` of the IstioOperator whose child changed, other than by our own applying it. */
  readonly onChange: (ownerKey: string) => void;
  readonly onTrouble?: (kind: Resource, trouble: WatchTrouble) => void;
}

/** Everything in the cluster that carries an installation's owner labels, watched. */
export interface Children {
  /** The watches, to be run. */
  readonly components: readonly Component[];
  whenSynced(signal: AbortSignal): Promise<void>;
  get(resource: Resource, key: string): ObservedChild | undefined;
  /** All children of one owner, webhooks first. */
  ownedBy(
    owner: Pick<Owner, 'name' | 'namespace'>,
  ): readonly { readonly resource: Resource; readonly child: ObservedChild }[];
}

export function createChildren(options: ChildrenOptions): Children {
  const caches = new Map<string, KindCache<ObservedChild>>();
  for (const resource of childKinds) {
    caches.set(
      resource.plural,
      cacheKind<ObservedChild>({
        client: options.client,
        resource,
        labelSelector: ownerLabels.name,
        trim: (object) => observeChild(object, resource.kind),
        onChanges: (changes) => announce(changes, options.onChange),
        onTrouble: (trouble) => options.onTrouble?.(resource, trouble),
      }),
    );
  }
  return {
    components: [...caches.values()],
    async whenSynced(signal) {
      await Promise.all([...caches.values()].map((cache) => cache.whenSynced(signal)));
    },
    get: (resource, key) => caches.get(resource.plural)?.get(key),
    ownedBy(owner) {
      return childKinds.flatMap((resource) =>
        [...(caches.get(resource.plural)?.values() ?? [])]
          .filter((child) => readOwner(child) === `${owner.namespace}/${owner.name}`)
          .sort((left, right) => (objectKey(left) < objectKey(right) ? -1 : 1))
          .map((child) => ({ resource, child })),
      );
    },
  };
}

function announce(changes: readonly Change<ObservedChild>[], onChange: (ownerKey: string) => void): void {
  const owners = new Set(changes.map(({ object }) => readOwner(object)).filter((owner) => owner !== undefined));
  for (const owner of owners) onChange(owner);
}

/** `namespace/name` of the IstioOperator that a child belongs to, by its labels. */
export function readOwner(child: {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
}): string | undefined {
  const { labels } = child.metadata;
  const name = labels?.[ownerLabels.name];
  const namespace = labels?.[ownerLabels.namespace];
  return name === undefined || namespace === undefined ? undefined : `${namespace}/${name}`;
}
