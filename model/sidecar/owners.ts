/** Of a host that several namespaces declare, the declaration that the clients of a Sidecar see. */
import type { Query, Reader } from '#graph/types.ts';
import { chooseDeclaration, type Declaration } from '../discovery/contests.ts';
import type { ServiceQueries } from '../discovery/services.ts';
import { exportedTo } from '../selection.ts';
import { type PortImport, portsImported } from './hostfilter.ts';
import { importNamed } from './named.ts';
import { importOf, parseScopeKey, renderScopeKey, type SidecarScope } from './scope.ts';

export interface Contest {
  readonly owner: Declaration;
  /** Ids of all declarations that the client may see, those that it does not import included. */
  readonly ids: readonly string[];
}

/**
 * By host, of those that several namespaces declare and the Sidecar imports. A proxy knows a host by one name, so all listeners
 * have the same declaration: that of the first listener that imports any, unless a later one imports a Service of
 * Kubernetes. Of what one listener imports it is the one that clients without a Sidecar would see.
 */
export function chooseOwners(
  reader: Reader,
  services: ServiceQueries,
  sidecarScope: Query<SidecarScope>,
  view: Parameters<typeof renderScopeKey>[0],
): ReadonlyMap<string, Contest> {
  const owners = new Map<string, Contest>();
  const contested = reader.read(services.contestedHosts, '');
  if (contested.size === 0) return owners;
  const key = renderScopeKey(view);
  const { ns } = parseScopeKey(key);
  const imports = reader.read(sidecarScope, key).listeners.map((listener) => {
    const one = importOf(listener);
    return { one, named: importNamed(reader, services, [one], ns) };
  });
  for (const hostname of [...contested.keys()].sort()) {
    const open = (contested.get(hostname) ?? []).filter((one) => exportedTo(one.exportTo, one.namespace, ns));
    const choices = imports.flatMap(({ one, named }) => {
      const imported = open.filter(({ id }) => named.has(id) || portsImported([one], id) !== undefined);
      const served = imported.filter((declaration) => serves(declaration, one));
      return chooseDeclaration(served, ns) ?? [];
    });
    const owner = choices.find(({ registry }) => registry === 'Kubernetes') ?? choices[0];
    if (owner !== undefined) owners.set(hostname, { owner, ids: open.map(({ id }) => id) });
  }
  return owners;
}

/** Of a listener with a port only services with that port count. */
const serves = ({ ports }: Declaration, { port }: PortImport): boolean => port === undefined || ports.includes(port);
