import { type KubeObject, objectKey } from './objects.ts';
import { type Batch, type Change, type KindWatch, type WatchKindOptions, watchKind } from './watch.ts';

export interface CacheKindOptions<T extends KubeObject> extends Omit<WatchKindOptions<T>, 'onBatch'> {
  /** Called after the cache took the changes over; a list that brought nothing new calls nothing. */
  readonly onChanges?: (changes: readonly Change<T>[]) => void;
}

/** A watched kind, kept in memory. */
export interface KindCache<T extends KubeObject> extends KindWatch {
  /** By `namespace/name`, or name alone for cluster-scoped kinds. */
  get(key: string): T | undefined;
  values(): Iterable<T>;
  readonly size: number;
}

/** Watches a kind into memory and turns every new list into the differences, deletions that nobody saw included. */
export function cacheKind<T extends KubeObject>(options: CacheKindOptions<T>): KindCache<T> {
  const objects = new Map<string, T>();
  const watch = watchKind<T>({
    ...options,
    onBatch(batch) {
      const changes = planChanges(objects, batch);
      for (const { type, object } of changes) {
        if (type === 'set') objects.set(objectKey(object), object);
        else objects.delete(objectKey(object));
      }
      if (changes.length > 0) options.onChanges?.(changes);
    },
  });
  return {
    name: watch.name,
    get synced() {
      return watch.synced;
    },
    whenSynced: watch.whenSynced,
    run: watch.run,
    get: (key) => objects.get(key),
    values: () => objects.values(),
    get size() {
      return objects.size;
    },
  };
}

function planChanges<T extends KubeObject>(known: ReadonlyMap<string, T>, batch: Batch<T>): readonly Change<T>[] {
  if (batch.type === 'changes') return batch.changes;
  const listed = new Set(batch.objects.map(objectKey));
  const gone = [...known]
    .filter(([key]) => !listed.has(key))
    .map(([, object]): Change<T> => ({ type: 'delete', object }));
  const changed = batch.objects
    .filter((object) => !isSameVersion(known.get(objectKey(object)), object))
    .map((object): Change<T> => ({ type: 'set', object }));
  return [...gone, ...changed];
}

function isSameVersion(left: KubeObject | undefined, right: KubeObject): boolean {
  return left?.metadata.uid === right.metadata.uid && left?.metadata.resourceVersion === right.metadata.resourceVersion;
}
