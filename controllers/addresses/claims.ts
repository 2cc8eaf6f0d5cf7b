/** What the allocator must know of ServiceEntries. */

/** One ServiceEntry of the cluster. */
export interface AddressClaim {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Milliseconds since the epoch; of two with one address the older keeps it. */
  readonly createdAt: number;
  /** Hosts that addresses are allocated for; empty when it needs none. */
  readonly hosts: readonly string[];
  /** What its status holds, in its order. */
  readonly allocated: readonly AllocatedAddress[];
  /** Single addresses that it declares itself. */
  readonly declared: readonly string[];
}

export interface AllocatedAddress {
  readonly value: string;
  readonly host: string;
}

/** Port: where the allocator learns of ServiceEntries. */
export interface AddressClaims {
  /** The same array as long as nothing changed. */
  current(): readonly AddressClaim[];
  /** Calls the listener after anything may have changed; returns how to stop. */
  onChange(listener: () => void): () => void;
}
