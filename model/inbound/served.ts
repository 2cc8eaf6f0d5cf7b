/** The ports that a workload serves: those of its services, or those that its Sidecar lists. */
import type { Query, Reader } from '#graph/types.ts';
import type { ServiceQueries } from '../discovery/services.ts';
import { type ClassKey, parseObjectKey } from '../keys.ts';
import { isOwnPort, isReserved } from '../ownports.ts';
import type { ConnectionPoolSettings, ServerTLSSettings } from '../specs.ts';
import type { Protocol } from '../types/inputs.ts';
import type { Cluster } from '../types/resolved.ts';
import type { MeshSettings } from '../types/settings.ts';
import { type InboundScope, type IngressEndpoint, type IngressListener, isBound } from './ingress.ts';

export interface ServedPort {
  readonly port: number;
  readonly protocol: Protocol;
  readonly service: NonNullable<Cluster['service']>;
  readonly endpoint: IngressEndpoint;
  /** The addresses of a listener of its own; undefined behind redirection. */
  readonly bind?: string;
  readonly tls?: ServerTLSSettings;
  /** What the Sidecar says. */
  readonly connectionPool?: ConnectionPoolSettings;
  /** The port of the service that is served here; absent where no service names it. */
  readonly servicePort?: number;
}

export interface ServedParts {
  readonly settings: Query<MeshSettings>;
  readonly services: ServiceQueries;
  readonly inboundScope: Query<InboundScope | undefined>;
}

/** Sorted by port. Without redirection and without a Sidecar's list nothing can be served in the application's place. */
export function servedPorts(reader: Reader, parts: ServedParts, key: ClassKey): readonly ServedPort[] {
  const scope = key.sidecar === '' ? undefined : reader.read(parts.inboundScope, key.sidecar);
  const ofServices = portsOfServices(reader, parts, key);
  const pool = scope?.connectionPool === undefined ? {} : { connectionPool: scope.connectionPool };
  if (scope?.listeners === undefined) {
    return key.mode === 'NONE' ? [] : [...ofServices.values()].map((served) => ({ ...served, ...pool }));
  }
  const { namespace, name } = parseObjectKey(key.sidecar);
  const settings = reader.read(parts.settings, '');
  const allowed = scope.listeners.filter(({ port }) => !isReserved(port, settings));
  const listed = allowed.map((listener): ServedPort => {
    const bound = isBound(listener, key.mode as Parameters<typeof isBound>[1]);
    const { service, servicePort } = ofServices.get(listener.port) ?? {};
    return {
      ...pool,
      ...(servicePort === undefined ? {} : { servicePort }),
      port: listener.port,
      protocol: listener.tls === undefined ? listener.protocol : withoutTls(listener.protocol),
      service: service ?? { hostname: `${name}.${namespace}`, name, namespace },
      endpoint: listener.endpoint,
      ...(bound ? { bind: listener.bind } : {}),
      ...own(listener),
    };
  });
  return listed.sort((a, b) => a.port - b.port);
}

const own = ({ tls, connectionPool }: IngressListener) => ({
  ...(tls === undefined ? {} : { tls }),
  ...(connectionPool === undefined ? {} : { connectionPool }),
});

/** What is spoken once TLS has ended. */
const withoutTls = (protocol: Protocol): Protocol =>
  protocol === 'HTTPS' ? 'HTTP' : protocol === 'TLS' ? 'TCP' : protocol;

/** The workload's ports with the protocol that the first service to name a port gives it, sorted. */
function portsOfServices(reader: Reader, parts: ServedParts, key: ClassKey): ReadonlyMap<number, ServedPort> {
  const settings = reader.read(parts.settings, '');
  const found = new Map<number, ServedPort>();
  for (const entry of key.ports === '' ? [] : key.ports.split(',')) {
    const [target = '', port = '', ...id] = entry.split(':');
    const service = reader.read(parts.services.service, id.join(':'));
    const served = service?.ports.find((candidate) => String(candidate.port) === port);
    if (service === undefined || served === undefined || found.has(Number(target))) continue;
    // What is aimed there is the proxy's own, and its chains would stand beside those that refuse it.
    if (isOwnPort(Number(target), settings)) continue;
    const { hostname, name, namespace } = service;
    found.set(Number(target), {
      port: Number(target),
      protocol: served.protocol,
      service: { hostname, name, namespace },
      servicePort: served.port,
      endpoint:
        settings.inboundTrafficPolicy === 'LOCALHOST'
          ? { kind: 'loopback', family: '4', port: Number(target) }
          : { kind: 'original' },
    });
  }
  return new Map([...found].sort(([a], [b]) => a - b));
}
