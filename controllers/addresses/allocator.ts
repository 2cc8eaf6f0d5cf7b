import { kinds } from '#api/index.ts';
import { type KubeClient, KubeError, type KubeObject, type Resource } from '#kube/index.ts';
import { type Clock, type Component, createWorkQueue, type Logger } from '#runtime/index.ts';
import type { AddressClaim, AddressClaims, AllocatedAddress } from './claims.ts';
import { type AddressPlan, planAddresses, renderClaim, sameAddresses } from './plan.ts';

export interface AddressAllocatorOptions {
  readonly client: KubeClient;
  readonly claims: AddressClaims;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

/** Owner of `status.addresses`, whichever revision writes: all of them plan alike. */
export const addressManager = 'lateen/addresses';

interface ServiceEntryObject extends KubeObject {
  readonly status?: { readonly addresses?: readonly Partial<AllocatedAddress>[] };
}

const { group, storageVersion, plural, kind } = kinds.ServiceEntry;
const serviceEntries: Resource = { group, version: storageVersion, plural, kind, namespaced: true };

/** Of the queue: look what stands, and plan. */
const PLAN = '';
/** A plan looks at every ServiceEntry of the mesh. After one there is a pause of so many times what it took. */
const PAUSE = 10;

interface Planned {
  readonly claims: ReadonlyMap<string, AddressClaim>;
  readonly changes: AddressPlan['changes'];
}

/**
 * Writes the addresses of hosts without any into the status of their ServiceEntries. Runs only on the lease holder of its
 * revision; what has become newer than what was planned upon is left alone and planned again.
 */
export function createAddressAllocator(options: AddressAllocatorOptions): Component {
  const { client, claims, logger } = options;
  let planned: Planned = { claims: new Map(), changes: new Map() };
  let pauseMs = 0;
  let unserved = '';

  function plan(): void {
    const started = options.clock.monotonic();
    const current = claims.current();
    const { changes, exhausted } = planAddresses(current);
    planned = { claims: new Map(current.map((claim) => [renderClaim(claim), claim])), changes };
    pauseMs = PAUSE * (options.clock.monotonic() - started);
    const hosts = exhausted.slice(0, 20);
    if (hosts.length > 0 && hosts.join() !== unserved) logger.warn('no addresses are left for some hosts', { hosts });
    unserved = hosts.join();
    for (const key of changes.keys()) queue.add(key);
  }

  const queue = createWorkQueue({
    name: 'addresses',
    workers: 4,
    rate: { perSecond: 100, burst: 200 },
    clock: options.clock,
    random: options.random,
    logger,
    reconcile: async (key, signal) => {
      if (key === PLAN) return plan();
      const addresses = planned.changes.get(key);
      const claim = planned.claims.get(key);
      if (addresses !== undefined && claim !== undefined) await write(claim, addresses, signal);
    },
  });

  async function write(
    claim: AddressClaim,
    addresses: readonly AllocatedAddress[],
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace, name, uid } = claim;
    const live = await client.find<ServiceEntryObject>(serviceEntries, { namespace, name }, signal);
    // Another one, or written by somebody else meanwhile: the watch brings it, and what it says is planned upon.
    if (live === undefined || live.metadata.uid !== uid || !holds(live, claim.allocated)) return;
    const { resourceVersion } = live.metadata;
    const metadata = { namespace, name, uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    try {
      await client.applyStatus(
        serviceEntries,
        { metadata, status: { addresses } },
        { fieldManager: addressManager, force: true, signal },
      );
    } catch (thrown) {
      if (thrown instanceof KubeError && thrown.code === 'not-found') return;
      throw thrown;
    }
    logger.info('addresses allocated', { namespace, name, addresses });
  }

  return {
    name: 'address allocator',
    run: async (signal) => {
      const stop = claims.onChange(() => queue.addAfter(PLAN, pauseMs));
      try {
        queue.add(PLAN);
        await queue.run(signal);
      } finally {
        stop();
      }
    },
  };
}

function holds({ status }: ServiceEntryObject, expected: readonly AllocatedAddress[]): boolean {
  const live = (status?.addresses ?? []).map(({ value = '', host = '' }) => ({ value, host }));
  return sameAddresses(live, expected);
}
