/** Ranges of addresses that belong to nobody outside of the mesh. Source: Istio's IP auto-allocation. */
import { isIPv6 } from 'node:net';

export interface AddressRange {
  /** Places are numbered from 0 on. */
  readonly size: number;
  readonly render: (place: number) => string;
  /** Undefined for an address outside of the places; the address is in its short form. */
  readonly parse: (address: string) => number | undefined;
}

/** 240.240.0.0/16 without its first and last address. */
const ipv4: AddressRange = {
  size: 65_534,
  render: (place) => `240.240.${(place + 1) >> 8}.${(place + 1) & 255}`,
  parse: (address) => {
    const [, high, low] = /^240\.240\.(\d{1,3})\.(\d{1,3})$/.exec(address) ?? [];
    const place = Number(high) * 256 + Number(low) - 1;
    return place >= 0 && place < 65_534 ? place : undefined;
  },
};

/** The addresses of 2001:2::/48 that differ in their last 32 bits only, without the first and the last. */
const ipv6: AddressRange = {
  size: 0xffff_fffe,
  render: (place) => {
    const [high, low] = [Math.floor((place + 1) / 0x1_0000), (place + 1) % 0x1_0000];
    return shorten(`2001:2::${high.toString(16)}:${low.toString(16)}`);
  },
  parse: (address) => {
    const [, first, second] = /^2001:2::([0-9a-f]{1,4})(?::([0-9a-f]{1,4}))?$/.exec(address) ?? [];
    if (first === undefined) return undefined;
    const value = second === undefined ? parse16(first) : parse16(first) * 0x1_0000 + parse16(second);
    return value > 0 && value < 0xffff_ffff ? value - 1 : undefined;
  },
};

const parse16 = (digits: string): number => Number.parseInt(digits, 16);

export const addressRanges: readonly AddressRange[] = [ipv4, ipv6];

/** The one spelling of an address by which two are compared. */
export function shorten(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** The free places of a range. Finding one costs next to nothing however full the range is. */
export class FreePlaces {
  readonly #size: number;
  /** Of a taken place: where to look further. Paths are shortened as they are walked. */
  readonly #next = new Map<number, number>();

  constructor(size: number) {
    this.#size = size;
  }

  take(place: number): void {
    if (!this.#next.has(place)) this.#next.set(place, place + 1);
  }

  /** The first free place from `start` on, round the end; undefined when all are taken. */
  findFrom(start: number): number | undefined {
    const after = this.#walk(start);
    const found = after < this.#size ? after : this.#walk(0);
    return found < this.#size ? found : undefined;
  }

  #walk(start: number): number {
    let end = start;
    for (let next = this.#next.get(end); next !== undefined; next = this.#next.get(end)) end = next;
    for (let at = start; at !== end; ) {
      const next = this.#next.get(at) ?? end;
      this.#next.set(at, end);
      at = next;
    }
    return end;
  }
}
