/** Which addresses each host of a ServiceEntry gets. */
import type { AddressClaim, AllocatedAddress } from './claims.ts';
import { type AddressRange, addressRanges, FreePlaces, shorten } from './ranges.ts';

export interface AddressPlan {
  /** What the status of each claim must hold, for those where it doesn't, by `namespace/name`. */
  readonly changes: ReadonlyMap<string, readonly AllocatedAddress[]>;
  /** Hosts for which a range had no address left, as `namespace/name host`. */
  readonly exhausted: readonly string[];
}

export const renderClaim = ({ namespace, name }: Pick<AddressClaim, 'namespace' | 'name'>): string =>
  `${namespace}/${name}`;

/**
 * A pure function of what stands, so that every replica, and the next holder of the lease, comes to the same. What a host
 * has it keeps, unless somebody declares that address or an older ServiceEntry has it too. A new address is looked for from
 * the place that the host's name hashes to.
 */
export function planAddresses(claims: readonly AddressClaim[]): AddressPlan {
  const book = new AddressBook();
  for (const address of claims.flatMap((claim) => claim.declared)) book.take(findPlace(address));
  const ordered = [...claims].sort(compareClaims);
  const kept = ordered.map((claim) => ({ claim, own: claim.allocated.filter((one) => keeps(claim, one, book)) }));
  const changes = new Map<string, readonly AllocatedAddress[]>();
  const exhausted: string[] = [];
  for (const { claim, own } of kept) {
    const key = renderClaim(claim);
    const planned = claim.hosts.flatMap((host) =>
      addressRanges.flatMap((range) => {
        const known = own.find((one) => one.host === host && readPlace(one).range === range);
        const value = known?.value ?? book.allocate(range, `${key}/${host}`);
        if (value === undefined) exhausted.push(`${key} ${host}`);
        return value === undefined ? [] : [{ value, host }];
      }),
    );
    if (!sameAddresses(planned, claim.allocated)) changes.set(key, planned);
  }
  return { changes, exhausted };
}

/** Oldest first. */
function compareClaims(a: AddressClaim, b: AddressClaim): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  return renderClaim(a) < renderClaim(b) ? -1 : 1;
}

const keeps = ({ hosts }: AddressClaim, allocated: AllocatedAddress, book: AddressBook): boolean =>
  hosts.includes(allocated.host) && book.take(readPlace(allocated));

/** An address, and where it lies in our ranges if it does. */
interface Place {
  readonly known: string;
  readonly range?: AddressRange;
  readonly place?: number;
}

const places = new WeakMap<AllocatedAddress, Place>();

/** Allocated addresses stay the same objects from one plan to the next, so that each is read once. */
function readPlace(allocated: AllocatedAddress): Place {
  let place = places.get(allocated);
  if (place === undefined) {
    place = findPlace(allocated.value);
    places.set(allocated, place);
  }
  return place;
}

function findPlace(address: string): Place {
  const known = shorten(address);
  for (const range of addressRanges) {
    const place = range.parse(known);
    if (place !== undefined) return { known, range, place };
  }
  return { known };
}

/** What is taken, in one planning. */
class AddressBook {
  readonly #taken = new Set<string>();
  readonly #free = new Map(addressRanges.map((range) => [range, new FreePlaces(range.size)]));

  /** False when it was taken already. */
  take({ known, range, place }: Place): boolean {
    if (this.#taken.has(known)) return false;
    this.#taken.add(known);
    if (range !== undefined && place !== undefined) this.#free.get(range)?.take(place);
    return true;
  }

  allocate(range: AddressRange, seed: string): string | undefined {
    const free = this.#free.get(range);
    const place = free?.findFrom(hash(seed) % range.size);
    if (free === undefined || place === undefined) return undefined;
    free.take(place);
    return range.render(place);
  }
}

/** FNV-1a over UTF-16 code units, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}

export function sameAddresses(a: readonly AllocatedAddress[], b: readonly AllocatedAddress[]): boolean {
  return a.length === b.length && a.every(({ value, host }, at) => value === b[at]?.value && host === b[at]?.host);
}
