/** Slices narrowed to what a Sidecar imports; what stays is the same object as in the whole slice. */
import { parseServiceId, type SliceKey } from '../keys.ts';
import type { Slice } from '../types/resolved.ts';
import { type PortSet, parseHostFilter } from './hostfilter.ts';

type Narrowing = Pick<SliceKey, 'owner' | 'filter'>;

export const isNarrowed = ({ owner, filter }: Narrowing): boolean => owner !== '' || filter !== '';

export function narrowIds(ids: readonly string[], narrowing: Narrowing): readonly string[] {
  const portsOf = portsWithin(narrowing);
  return ids.filter((id) => portsOf(id) !== undefined);
}

/** `ofPorts` takes from the keys of a service those of some ports; without it a service stays whole. */
export function narrowSlice(
  slice: Slice,
  narrowing: Narrowing,
  ofPorts: (keys: readonly string[], ports: PortSet) => readonly string[] = (keys) => keys,
): Slice {
  const portsOf = portsWithin(narrowing);
  return slice.flatMap((member) => {
    const ports = portsOf(member.service);
    if (ports === undefined) return [];
    const keys = ofPorts(member.keys, ports);
    return keys === member.keys ? [member] : [{ service: member.service, keys }];
  });
}

function portsWithin({ owner, filter }: Narrowing): (id: string) => PortSet | undefined {
  const portsOf = parseHostFilter(filter);
  return (id) => {
    const { namespace, hostname } = parseServiceId(id);
    return owner === '' || namespace === owner ? portsOf(hostname) : undefined;
  };
}
