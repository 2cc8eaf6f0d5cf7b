import type { MemoryTidier } from '#runtime/core/index.ts';
import type { DeliveryObserver } from '#xds/index.ts';

/** More live memory than this, in bytes, takes longer to collect at once than certificates and leases may wait. */
export const mostTidiedBytes = 160 * 1024 * 1024;

/** What a crowd of connecting proxies leaves behind is given back once they are served. */
export function tidyAfterConnections(observer: DeliveryObserver, tidier: MemoryTidier): DeliveryObserver {
  return {
    connected(proxy, progress) {
      observer.connected(proxy, progress);
      tidier.request();
    },
    progressed: (connectionId) => observer.progressed(connectionId),
    acknowledged(connectionId, revision) {
      observer.acknowledged(connectionId, revision);
      tidier.postpone();
    },
    rejected: (connectionId, error) => observer.rejected(connectionId, error),
    waiting: (connectionId, clusters) => observer.waiting(connectionId, clusters),
    disconnected(connectionId) {
      observer.disconnected(connectionId);
      tidier.request();
    },
  };
}
