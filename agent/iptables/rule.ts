/** One netfilter rule, and what differs between the two address families. */

export interface Rule {
  readonly table: 'raw' | 'nat' | 'mangle';
  readonly chain: string;
  /** Arguments behind `-A CHAIN`. */
  readonly args: readonly string[];
}

/** What differs between the two address families. */
export interface Family {
  readonly version: 4 | 6;
  readonly loopback: string;
  /** The source address of what Envoy passes on to the application unchanged; such packets must not come back to Envoy. */
  readonly passthrough: string;
}

export function rule(table: Rule['table'], chain: string, args: string): Rule {
  return { table, chain, args: args.split(' ') };
}
