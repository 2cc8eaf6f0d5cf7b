/** One destination out of several declarations of its host in one namespace. */
import { renderHostKey, renderObjectKey } from '../keys.ts';
import { compareAge, sourceOf } from '../selection.ts';
import type { SourceRef } from '../types/identity.ts';
import type { Service, ServiceAddress, ServicePort } from '../types/inputs.ts';

/** What ServiceEntries say of a destination beyond what Services do. */
export interface EntryFacts {
  /** Outside of the mesh (MESH_EXTERNAL). */
  readonly external: boolean;
  readonly subjectAltNames: readonly string[];
  /** Addresses allocated for a host without any; for clients whose DNS is captured. */
  readonly allocated: readonly ServiceAddress[];
  /** Connects to all addresses of its name and takes the one that answers first. */
  readonly raceConnections: boolean;
  /** Milliseconds since the epoch, of the oldest. */
  readonly createdAt: number;
  readonly sources: readonly SourceRef[];
}

/** The key of a service's input. */
export function memberKey(service: Service): string {
  const key = renderObjectKey(service.cluster, service.namespace, service.name);
  return service.registry === 'Kubernetes' ? key : renderHostKey(key, service.hostname);
}

/** Kubernetes before ServiceEntries, then the oldest: a new declaration takes a name from nobody. */
export function compareClaims(a: Service, b: Service): number {
  return Number(a.registry !== 'Kubernetes') - Number(b.registry !== 'Kubernetes') || compareAge(a, b);
}

/**
 * The declarations that count, and the ports of all of them. `first` has the strongest claim; a ServiceEntry joins it when
 * both find endpoints in the same way on the same side of the mesh's border. Of ports with one number the first stays, and
 * a ServiceEntry adds none under a name that another port has, because endpoints know ports by name.
 */
export function joinMembers(
  first: Service,
  all: readonly Service[],
): { readonly members: readonly Service[]; readonly ports: readonly ServicePort[] } {
  const members = all.filter((member) => joins(member, first));
  const ports = new Map<number, ServicePort>();
  const names = new Set<string>();
  for (const member of members) {
    for (const port of member.ports) {
      // One number may be both a UDP and a TCP port.
      if (port.protocol === 'UDP' || ports.has(port.port) || (member.registry === 'External' && names.has(port.name)))
        continue;
      ports.set(port.port, port);
      names.add(port.name);
    }
  }
  return { members, ports: [...ports.values()] };
}

/** Whether a declaration can be one destination with the leading one. */
export function joins(member: Service, first: Service): boolean {
  if (member.registry === 'Kubernetes') return true;
  return (
    member.resolution === first.resolution && (member.entry?.external ?? false) === (first.entry?.external ?? false)
  );
}

export function mergeEntryFacts(members: readonly Service[]): EntryFacts | undefined {
  const entries = members.filter((member) => member.registry === 'External');
  const [first] = entries;
  if (first === undefined) return undefined;
  return {
    external: first.entry?.external ?? false,
    subjectAltNames: [...new Set(entries.flatMap((member) => member.entry?.subjectAltNames ?? []))].sort(),
    allocated: first.entry?.allocated ?? [],
    raceConnections: first.entry?.raceConnections ?? false,
    createdAt: first.createdAt,
    sources: entries.map((member) => sourceOf('ServiceEntry', member)),
  };
}
