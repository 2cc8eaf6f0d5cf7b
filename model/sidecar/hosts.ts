/** What `egress[].hosts` of a Sidecar says: services and VirtualServices by the namespace that declares them and by host. */
import { hostWithin, intersectHosts } from '../hosts.ts';

export interface HostPattern {
  /** The declaring namespace; `*` stands for all. */
  readonly namespace: string;
  readonly host: string;
}

export interface EgressHosts {
  readonly imported: readonly HostPattern[];
  /** Goes before what is imported. */
  readonly excluded: readonly HostPattern[];
}

/** `namespace/host` entries as clients of a namespace mean them: `.` is that namespace, a leading `~` excludes. */
export function parseEgressHosts(entries: readonly string[], client: string): EgressHosts {
  const imported: HostPattern[] = [];
  const excluded: HostPattern[] = [];
  for (const entry of entries) {
    const at = entry.indexOf('/');
    const written = entry.slice(0, at);
    const named = written.replace(/^~/, '');
    // `~/host` excludes everywhere, so that `~/*` imports nothing at all.
    const namespace = named === '' ? '*' : named === '.' ? client : named;
    (written.startsWith('~') ? excluded : imported).push({ namespace, host: entry.slice(at + 1).toLowerCase() });
  }
  return { imported, excluded };
}

export const everything: EgressHosts = { imported: [{ namespace: '*', host: '*' }], excluded: [] };

export function importsEverything({ imported, excluded }: EgressHosts): boolean {
  return excluded.length === 0 && imported.some(({ namespace, host }) => namespace === '*' && host === '*');
}

export const isIn = (pattern: HostPattern, namespace: string): boolean =>
  pattern.namespace === '*' || pattern.namespace === namespace;

/** Whether a service is excluded, whatever imports it. */
export function excludesService(hosts: EgressHosts, namespace: string, hostname: string): boolean {
  return hosts.excluded.some((pattern) => isIn(pattern, namespace) && hostWithin(hostname, pattern.host));
}

/** Whether a VirtualService's claim to a host is imported; one that is wider than the import counts as well. */
export function importsRoute(hosts: EgressHosts, namespace: string, host: string): boolean {
  const meets = (pattern: HostPattern) => isIn(pattern, namespace) && intersectHosts(host, pattern.host) !== undefined;
  const covers = (pattern: HostPattern) => isIn(pattern, namespace) && hostWithin(host, pattern.host);
  return hosts.imported.some(meets) && !hosts.excluded.some(covers);
}
