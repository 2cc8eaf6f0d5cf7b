/** The outbound listeners that belong to one service. */
import type { Reader } from '#graph/types.ts';
import { type EndpointQueries, portOf } from '../discovery/endpoints.ts';
import { isHeadless, isHttp, type MeshService } from '../discovery/services.ts';
import { renderListenerKey } from '../keys.ts';
import { addressesFor, type Caller } from './reach.ts';

/** Who uses a service's own listeners; the rest only where its routes depend on it. */
export interface ListenerClient extends Caller {
  readonly client?: string;
  readonly labels?: string;
  readonly by?: string;
}

/** A service's own listeners, one for each address and port that isn't HTTP. */
export function serviceListenerKeys(
  reader: Reader,
  endpoints: EndpointQueries,
  service: MeshService,
  client: ListenerClient,
): readonly string[] {
  return service.ports
    .filter((port) => !isHttp(port.protocol))
    .flatMap((port) => {
      const fields = {
        kind: port.protocol === 'Auto' ? 'auto' : 'tcp',
        service: service.id,
        port: String(port.port),
        ...client,
      };
      if (service.registry === 'External') {
        return addressesFor(service, client).map((bind) => renderListenerKey({ ...fields, bind }));
      }
      if (!isHeadless(service)) {
        return addressesFor(service, client).length > 0 ? [renderListenerKey(fields)] : [];
      }
      // Ready or not: without its listener, connections to a pod would be cut whenever it becomes unready for a while.
      const pods = reader
        .read(endpoints.serviceEndpoints, service.id)
        .filter((endpoint) => endpoint.cluster === client.cluster && portOf(endpoint, port.name) !== undefined)
        .flatMap((endpoint) => endpoint.addresses)
        .filter((address) => client.families === '' || client.families.includes(address.includes(':') ? '6' : '4'));
      return [...new Set(pods)].sort().map((bind) => renderListenerKey({ ...fields, bind }));
    });
}
