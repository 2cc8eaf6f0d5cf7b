import { renderSourceKey, type StatusObject, type StoredStatus } from '#controllers/index.ts';
import type { KubeObject } from '#kube/index.ts';

export interface StatusReadings extends StoredStatus {
  /** Passes a mesh resource on to who listens; nothing of it is kept. */
  note(kind: string, object: KubeObject): void;
}

/** Mesh resources of one cluster, as its watches read them, for the one who writes their status. */
export function createStatusReadings(cluster: string): StatusReadings {
  const listeners = new Set<Parameters<StoredStatus['onRead']>[0]>();
  return {
    note(kind, object) {
      if (listeners.size === 0) return;
      const { name, namespace = '' } = object.metadata;
      const key = renderSourceKey({ cluster, kind, namespace, name });
      for (const listener of listeners) listener(key, object as StatusObject);
    },
    onRead(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
