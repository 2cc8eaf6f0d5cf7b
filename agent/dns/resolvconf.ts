/** The pod's own resolver configuration (resolv.conf(5)): who answers what the mesh does not know. */
import { isIP } from 'node:net';

export interface ResolverConfiguration {
  /** Addresses, in the order in which they are asked. */
  readonly servers: readonly string[];
  readonly search: readonly string[];
}

/** As resolvers do, only the first three servers count. */
const mostServers = 3;

/** What isn't understood is passed over, as resolvers do; the last `search` or `domain` line counts. */
export function parseResolvConf(text: string): ResolverConfiguration {
  const servers: string[] = [];
  let search: readonly string[] = [];
  for (const line of text.split('\n')) {
    if (/^\s*[#;]/.test(line)) continue;
    const [keyword, ...values] = line.trim().split(/\s+/);
    const [first = ''] = values;
    if (keyword === 'nameserver' && isIP(first.split('%')[0] ?? '') !== 0) servers.push(first);
    else if (keyword === 'search') search = values;
    else if (keyword === 'domain' && first !== '') search = [first];
  }
  return { servers: servers.slice(0, mostServers), search };
}
