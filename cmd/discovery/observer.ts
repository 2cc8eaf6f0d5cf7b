import type { DeliveryObserver } from '#xds/index.ts';

/** Tells one observer everything, and another, right after it, what that wants to know. */
export function alsoTelling(observer: DeliveryObserver, other: Partial<DeliveryObserver>): DeliveryObserver {
  return {
    connected(proxy, progress) {
      observer.connected(proxy, progress);
      other.connected?.(proxy, progress);
    },
    progressed(connectionId) {
      observer.progressed(connectionId);
      other.progressed?.(connectionId);
    },
    acknowledged(connectionId, revision) {
      observer.acknowledged(connectionId, revision);
      other.acknowledged?.(connectionId, revision);
    },
    rejected(connectionId, rejection) {
      observer.rejected(connectionId, rejection);
      other.rejected?.(connectionId, rejection);
    },
    waiting(connectionId, clusters) {
      observer.waiting(connectionId, clusters);
      other.waiting?.(connectionId, clusters);
    },
    disconnected(connectionId) {
      observer.disconnected(connectionId);
      other.disconnected?.(connectionId);
    },
  };
}
