/** Host names: short names, wildcards, intersection. Names are lower case; `*` alone or as `*.suffix`. */

/** A name without a dot is completed with the namespace of the resource that says it; everything else stays as it is. */
export function resolveHost(host: string, namespace: string, domainSuffix: string): string {
  const name = host.toLowerCase();
  if (name === '*' || name.includes('.') || name.includes(':')) return name;
  return `${name}.${namespace}.svc.${domainSuffix}`;
}

/** A host as requests name it: IPv6 addresses stand in brackets. */
export const renderDomain = (host: string): string => (host.includes(':') ? `[${host}]` : host);

export const isWildcard = (host: string): boolean => host.startsWith('*');

/** A wildcard that stands for part of a label, such as `*-a.example.com`. */
export const isPartialWildcard = (host: string): boolean => /^\*[^.]/.test(host);

/**
 * What a filter chain is matched by of these names, each once. Undefined where Envoy knows none of them: it tells servers
 * apart by whole labels, and refuses a listener for others.
 */
export function matchServers(hosts: readonly string[]): { readonly serverNames: readonly string[] } | undefined {
  const known = hosts.filter((host) => !isPartialWildcard(host)).map((host) => host.toLowerCase());
  return known.length === 0 ? undefined : { serverNames: [...new Set(known)] };
}

/** Whether every name that `narrow` stands for is also one of `wide`. */
export function hostWithin(narrow: string, wide: string): boolean {
  if (wide === '*') return true;
  if (!isWildcard(wide)) return narrow === wide;
  const suffix = wide.slice(1);
  return isWildcard(narrow)
    ? narrow.slice(1).endsWith(suffix)
    : narrow.endsWith(suffix) && narrow.length > suffix.length;
}

/** The narrower of two hosts where one lies within the other. */
export function intersectHosts(a: string, b: string): string | undefined {
  if (hostWithin(a, b)) return a;
  if (hostWithin(b, a)) return b;
  return undefined;
}

/** Order of precedence: exact names first, then longer wildcards. */
export function compareSpecificity(a: string, b: string): number {
  const wild = Number(isWildcard(a)) - Number(isWildcard(b));
  if (wild !== 0) return wild;
  if (a.length !== b.length) return b.length - a.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
