/** What a view's own virtual hosts do to those that everybody sees: take their place, or contest their domains. */
import { renderSplitHostName } from '#envoy/index.ts';
import type { Reader } from '#graph/index.ts';
import { type ComposedRouteTable, type MeshQueries, parseRouteSliceKey } from '#model/index.ts';
import type { Claims } from './host-layer.ts';
import type { PublicClaims, PublicHost } from './public-hosts.ts';

export interface OwnPlan {
  /**
   * Keys of the virtual hosts that have to share domains, with all of the view's own, in the order in which they get
   * them; none when there is nothing to settle.
   */
  readonly contesting: readonly string[];
  /** Names of resources that this settles, or that have no place in the view. */
  readonly hidden: readonly string[];
}

export function samePlan(a: OwnPlan, b: OwnPlan): boolean {
  const same = (x: readonly string[], y: readonly string[]) => x.length === y.length && x.every((v, at) => v === y[at]);
  return same(a.contesting, b.contesting) && same(a.hidden, b.hidden);
}

/** Seen by clients of one namespace only, or under names of their own. */
export function isOwn(slice: string): boolean {
  const { private: client, near } = parseRouteSliceKey(slice);
  return client !== '' || near !== '';
}

const NOTHING: OwnPlan = { contesting: [], hidden: [] };

/** Two virtual hosts claim one domain only where somebody made a mistake, so what this costs then is of no account. */
export function planOwn(
  reader: Reader,
  model: MeshQueries,
  tableKey: string,
  own: Claims,
  shared: PublicClaims,
): OwnPlan {
  const table = reader.read(model.routeTable, tableKey);
  const removed = [...table.overrides].filter(([, keys]) => keys.length === 0).map(([service]) => service);
  const hiddenBy = (services: ReadonlySet<string>) =>
    [...shared.byName.values()]
      .filter(({ service }) => services.has(service))
      .map(({ name }) => renderSplitHostName(table.name, name));
  const absent = new Set(removed);
  // Without one that contests domains the others have more of them.
  const settled = !shared.contesting.some(({ service }) => absent.has(service));
  if (settled && !collides(own, shared))
    return removed.length === 0 ? NOTHING : { contesting: [], hidden: hiddenBy(absent) };
  const replaced = new Set([...table.overrides.keys(), ...own.hosts.map(({ service }) => service)].filter(Boolean));
  const rivals = [...new Map([...findRivals(own, shared)].map((host) => [host.key, host])).values()];
  const others = rivals.filter(({ service }) => !replaced.has(service));
  const names = new Set(others.map(({ name }) => renderSplitHostName(table.name, name)));
  return {
    contesting: orderKeys(reader, model, table, new Set(others.map(({ key }) => key))),
    hidden: [...new Set([...names, ...hiddenBy(replaced)])].sort(),
  };
}

/** Whether two virtual hosts claim one domain, unless the view's own merely takes the place of everybody's. */
function collides({ hosts }: Claims, shared: PublicClaims): boolean {
  const contested = new Set(shared.contesting.map(({ name }) => name));
  const names = new Set<string>();
  const domains = new Set<string>();
  for (const host of hosts) {
    const replaced = shared.byName.get(host.name);
    if (names.has(host.name) || contested.has(host.name)) return true;
    if (replaced !== undefined && replaced.service !== host.service) return true;
    names.add(host.name);
    for (const domain of host.domains) {
      const owner = shared.byDomain.get(domain);
      if (domains.has(domain) || (owner !== undefined && owner.name !== host.name)) return true;
      domains.add(domain);
    }
  }
  return false;
}

/** Public virtual hosts that share a name or a domain with any other. */
function* findRivals(own: Claims, shared: PublicClaims): Iterable<PublicHost> {
  yield* shared.contesting;
  for (const host of own.hosts) {
    const named = shared.byName.get(host.name);
    if (named !== undefined) yield named;
    for (const domain of host.domains) {
      const owner = shared.byDomain.get(domain);
      if (owner !== undefined) yield owner;
    }
  }
}

/** The view's own and the given public ones, in the order that they have in the whole table. */
function orderKeys(
  reader: Reader,
  model: MeshQueries,
  { slices, overrides, extra }: ComposedRouteTable,
  wanted: ReadonlySet<string>,
): readonly string[] {
  const keys: string[] = [];
  const seen = new Set<string>();
  for (const slice of slices) {
    for (const { service, keys: plain } of reader.read(model.routeSlice, slice)) {
      const override = overrides.get(service);
      if (override === undefined) keys.push(...(isOwn(slice) ? plain : plain.filter((key) => wanted.has(key))));
      else if (!seen.has(service)) {
        seen.add(service);
        keys.push(...override);
      }
    }
  }
  for (const [service, override] of overrides) if (!seen.has(service)) keys.push(...override);
  return [...keys, ...extra.filter((key) => wanted.has(key))];
}
