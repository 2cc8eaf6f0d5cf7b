import type { MemoryTidier } from '#runtime/core/index.ts';
import type { DeliveryObserver } from '#xds/index.ts';
import { alsoTelling } from './observer.ts';

/** More live memory than this, in bytes, takes longer to collect at once than certificates and leases may wait. */
export const mostTidiedBytes = 160 * 1024 * 1024;

/** What a crowd of connecting proxies leaves behind is given back once they are served. */
export function tidyAfterConnections(observer: DeliveryObserver, tidier: MemoryTidier): DeliveryObserver {
  return alsoTelling(observer, {
    connected: () => tidier.request(),
    acknowledged: () => tidier.postpone(),
    disconnected: () => tidier.request(),
  });
}
