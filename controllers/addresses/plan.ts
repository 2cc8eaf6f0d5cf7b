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
  for (const address of claims.flatMap((claim) => claim.declared)) book.take(address);
  const ordered = [...claims].sort(compareClaims);
  const kept = ordered.map((claim) => ({ claim, own: claim.allocated.filter((one) => keeps(claim, one, book)) }));
  const changes = new Map<string, readonly AllocatedAddress[]>();
  const exhausted: string[] = [];
  for (const { claim, own } of kept) {
    const key = renderClaim(claim);
    const planned = claim.hosts.flatMap((host) =>
      addressRanges.flatMap((range) => {
        const known = own.find((one) => one.host === host && range.parse(shorten(one.value)) !== undefined);
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

const keeps = ({ hosts }: AddressClaim, { host, value }: AllocatedAddress, book: AddressBook): boolean =>
  hosts.includes(host) && book.take(value);

/** What is taken, in one planning. */
class AddressBook {
  readonly #taken = new Set<string>();
  readonly #free = new Map(addressRanges.map((range) => [range, new FreePlaces(range.size)]));

  /** False when it was taken already. */
  take(address: string): boolean {
    const known = shorten(address);
    if (this.#taken.has(known)) return false;
    this.#taken.add(known);
    for (const [range, free] of this.#free) {
      const place = range.parse(known);
      if (place !== undefined) free.take(place);
    }
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
