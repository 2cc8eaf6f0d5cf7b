/** What the hosts of ServiceEntries without addresses of their own add to the listener of all addresses on one port. */
import type { Reader } from '#graph/types.ts';
import { isTls, type MeshService } from '../discovery/services.ts';
import { isPartialWildcard } from '../hosts.ts';
import { type ListenerKey, renderSliceKey } from '../keys.ts';
import { readMembers } from '../sidecar/members.ts';
import type { ServicePort } from '../types/inputs.ts';
import type { FilterChain, FilterChainMatch } from '../types/resolved.ts';
import { type ChainClient, connectionChains, httpChain } from './chains.ts';
import type { ListenerParts } from './listener.ts';
import { sharedKey } from './ports.ts';
import { blocksFor, sharesPort } from './reach.ts';

interface Shared {
  readonly service: MeshService;
  readonly client: ChainClient;
}

/** Oldest host first; of several that take the same connections the oldest has them. */
export function sharedChains(reader: Reader, parts: ListenerParts, key: ListenerKey): readonly FilterChain[] {
  const { families } = key;
  const shared = key.egress === '' ? readShared(reader, parts, key) : readImported(reader, parts, key);
  return [...shared].sort(compareHosts).flatMap(({ service, client }) => {
    const port = service.ports.find((candidate) => String(candidate.port) === key.port);
    // Envoy tells servers apart by whole labels.
    if (port === undefined || (isTls(port.protocol) && isPartialWildcard(service.hostname))) return [];
    const base = matchOf(service, port, key);
    const name = `${key.port}/${service.hostname}`;
    const detected =
      port.protocol === 'Auto' && base.prefixRanges !== undefined
        ? [httpChain(name, key.port, `0.0.0.0_${key.port}`, { match: base })]
        : [];
    return [...detected, ...connectionChains(reader, parts, service, port, { ...client, families }, base)];
  });
}

/** Those of everybody, or those that a namespace sees. */
function readShared(reader: Reader, parts: ListenerParts, key: ListenerKey): readonly Shared[] {
  const { services, hosts, ports, virtualServices } = parts;
  const hidden = key.client === '' ? new Map() : reader.read(hosts.hiddenServices, key.client);
  const slices =
    key.client === ''
      ? reader.buckets(virtualServices.inputs.services, 'namespace').map((name) => renderSliceKey({ public: name }))
      : reader.read(services.visibleSlices, key.client);
  return slices
    .flatMap((slice) => reader.read(ports.sharedServices, sharedKey(slice, key, key.port)))
    .filter((id) => !hidden.has(id))
    .flatMap((id) => reader.read(services.service, id) ?? [])
    .map((service) => ({ service, client: key }));
}

/** Those that a listener of a Sidecar imports. */
function readImported(reader: Reader, parts: ListenerParts, key: ListenerKey): readonly Shared[] {
  const view = { ns: key.client, sidecar: key.sidecar, labels: key.labels };
  return readMembers(reader, parts.services, parts.members, view, Number(key.egress)).filter(({ service, ports }) =>
    ports.some((port) => String(port.port) === key.port && sharesPort(service, port, key)),
  );
}

function compareHosts({ service: a }: Shared, { service: b }: Shared): number {
  const age = (a.entry?.createdAt ?? 0) - (b.entry?.createdAt ?? 0);
  return age !== 0 ? age : a.id < b.id ? -1 : 1;
}

/** TLS names its server; of other connections nothing but the address tells whose they are. */
function matchOf(service: MeshService, port: ServicePort, key: ListenerKey): FilterChainMatch {
  const blocks = blocksFor(service, key);
  return {
    ...(blocks.length === 0 ? {} : { prefixRanges: blocks }),
    ...(isTls(port.protocol) ? { serverNames: [service.hostname] } : {}),
  };
}
