import { type Clock, deferOptimization, MemoryTidier } from '#runtime/index.ts';
import type { DeliveryObserver } from '#xds/index.ts';
import { alsoTelling } from './observer.ts';

/** More live memory than this, in bytes, takes longer to collect at once than certificates and leases may wait. */
const mostTidiedBytes = 160 * 1024 * 1024;

/**
 * The collection throws away code of which no object is left, such as that of Node's streams, and what is called a few
 * hundred times would be compiled again at once, by the first changes that come: a fifth of their processor time. What
 * every change runs for hundreds of proxies is called this often soon.
 */
const callsToOptimize = 10_000;

export function createTidier(clock: Clock): MemoryTidier {
  return new MemoryTidier(clock, { mostBytes: mostTidiedBytes, onCollected: () => deferOptimization(callsToOptimize) });
}

/** What a crowd of connecting proxies leaves behind is given back once they are served. */
export function tidyAfterConnections(observer: DeliveryObserver, tidier: MemoryTidier): DeliveryObserver {
  return alsoTelling(observer, {
    connected: () => tidier.request(),
    acknowledged: () => tidier.postpone(),
    disconnected: () => tidier.request(),
  });
}
