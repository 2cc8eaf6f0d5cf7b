/** What a view's own virtual hosts do to those that everybody sees: take their place, or contest their domains. */
import { renderSplitHostName } from '#envoy/index.ts';
import type { Reader } from '#graph/index.ts';
import { type ComposedRouteTable, type MeshQueries, parseRouteSliceKey } from '#model/index.ts';
import type { Claims, HostClaim, StackedClaims } from './claims.ts';

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

/** What a plan is made of. */
export interface OwnClaims {
  readonly own: Claims;
  readonly shared: StackedClaims;
  /** Whether two of them claim one domain. */
  readonly collide: boolean;
}

/** Two virtual hosts claim one domain only where somebody made a mistake, so what this costs then is of no account. */
export function planOwn(
  reader: Reader,
  model: MeshQueries,
  tableKey: string,
  { own, shared, collide }: OwnClaims,
): OwnPlan {
  const table = reader.read(model.routeTable, tableKey);
  const removed = [...table.overrides].filter(([, keys]) => keys.length === 0).map(([service]) => service);
  const hiddenBy = (services: ReadonlySet<string>) => {
    const hosts = shared.layers.flatMap((layer) => layer.filter(({ service }) => services.has(service)));
    return [...new Set(hosts.map(({ name }) => renderSplitHostName(table.name, name)))];
  };
  const absent = new Set(removed);
  // Without one that contests domains the others have more of them.
  const settled = !shared.contesting.some(({ service }) => absent.has(service));
  if (settled && !collide) return removed.length === 0 ? NOTHING : { contesting: [], hidden: hiddenBy(absent) };
  const replaced = new Set([...table.overrides.keys(), ...own.map(({ service }) => service)].filter(Boolean));
  const rivals = [...new Map([...findRivals(own, shared)].map((host) => [host.key, host])).values()];
  const others = rivals.filter(({ service }) => !replaced.has(service));
  const names = new Set(others.map(({ name }) => renderSplitHostName(table.name, name)));
  return {
    contesting: orderKeys(reader, model, table, new Set(others.map(({ key }) => key))),
    hidden: [...new Set([...names, ...hiddenBy(replaced)])].sort(),
  };
}

/** Public virtual hosts that share a name or a domain with any other. */
function* findRivals(own: Claims, shared: StackedClaims): Iterable<HostClaim> {
  yield* shared.contesting;
  for (const host of own) {
    yield* shared.named(host.name);
    for (const domain of host.domains) yield* shared.claiming(domain);
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
