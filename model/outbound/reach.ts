/** How a client reaches a port of a service: by an address of its own, or on a listener that services share. */
import { isHttp, type MeshService } from '../discovery/services.ts';
import { isOwnPort } from '../ownports.ts';
import type { ServicePort } from '../types/inputs.ts';
import type { MeshSettings } from '../types/settings.ts';

export interface Caller {
  readonly cluster: string;
  readonly families: string;
  /** Not empty when its DNS is captured, so that it uses allocated addresses. */
  readonly dns?: string;
}

/** The fields of keys that make a caller. */
export const callerFields = ['cluster', 'families', 'dns'] as const;

const isBlock = (address: string): boolean => address.includes('/');

/** The single addresses by which a caller of this cluster and these families knows the service. */
export function addressesFor(service: MeshService, caller: Caller): readonly string[] {
  if (service.addresses.length > 0) return reachable(service, caller).filter((address) => !isBlock(address));
  if ((caller.dns ?? '') === '') return [];
  return (service.entry?.allocated ?? [])
    .filter(({ family }) => inFamilies(family, caller.families))
    .map(({ address }) => address);
}

/** The blocks of addresses that stand for it. */
export function blocksFor(service: MeshService, caller: Caller): readonly string[] {
  return reachable(service, caller).filter(isBlock);
}

/**
 * Whether connections to a port that isn't HTTP arrive on the listener of all addresses: those of a ServiceEntry's host with
 * blocks of addresses, or without any that the caller would use.
 */
export function sharesPort(service: MeshService, port: ServicePort, caller: Caller): boolean {
  if (service.registry !== 'External' || isHttp(port.protocol)) return false;
  return service.addresses.length > 0
    ? blocksFor(service, caller).length > 0
    : addressesFor(service, caller).length === 0;
}

/**
 * Whether its HTTP is told apart by the host that requests name. That of a port with a detected protocol is, unless it has
 * addresses of its own.
 */
export function namesHosts(service: MeshService, port: ServicePort): boolean {
  if (isHttp(port.protocol)) return true;
  const shares = service.addresses.length === 0 || service.addresses.some(({ address }) => isBlock(address));
  return port.protocol === 'Auto' && service.registry === 'External' && shares;
}

/** Whether its place would be any address at a port where sidecars listen for themselves: then it has none. */
export function isLeftOut(service: MeshService, port: ServicePort, cluster: string, settings: MeshSettings): boolean {
  if (!isOwnPort(port.port, settings)) return false;
  return namesHosts(service, port) || sharesPort(service, port, { cluster, families: '' });
}

function reachable(service: MeshService, { cluster, families }: Caller): readonly string[] {
  return service.addresses
    .filter((known) => known.cluster === '' || known.cluster === cluster)
    .filter(({ family }) => inFamilies(family, families))
    .map(({ address }) => address);
}

const inFamilies = (family: 'ipv4' | 'ipv6', families: string): boolean =>
  families === '' || families.includes(family === 'ipv6' ? '6' : '4');
