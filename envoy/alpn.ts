/** What clients offer inside mesh TLS (ALPN): servers that take HTTP and TCP on one port choose a filter chain by it. */
import type { Cluster, UpstreamProtocol } from '#model/types/index.ts';
import { type Message, pack } from '#wire/index.ts';
import { buildStrings } from './endpoint.ts';
import { filters } from './names.ts';

type HttpFilter = Message<'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'>;

export const MESH_TCP = ['istio'] as const;

export function resolveMeshHttp(protocol: UpstreamProtocol): readonly string[] {
  return protocol === 'http2' ? ['istio-h2', 'istio', 'h2'] : ['istio-http/1.1', 'istio', 'http/1.1'];
}

/** Namespace in the metadata of a cluster: the offer of a request by the protocol that the client speaks. */
const OFFERS = 'alpn';

/**
 * The offers of requests to a cluster that carries HTTP and TCP, whose TLS settings have that of TCP, or both versions of
 * HTTP. None where those settings are right for all that the cluster carries, and where TLS is the user's own.
 */
export function buildOffers({ tls, protocol }: Cluster): Readonly<Record<string, Message<'google.protobuf.Struct'>>> {
  if ((tls.kind !== 'auto-mtls' && tls.kind !== 'istio-mutual') || protocol === 'tcp') return {};
  if (tls.alpn !== 'auto' && protocol !== 'downstream') return {};
  const offer = (client: 'http1' | 'http2') => resolveMeshHttp(protocol === 'downstream' ? client : protocol).join(',');
  return { [OFFERS]: buildStrings({ 'HTTP/1.1': offer('http1'), 'HTTP/2': offer('http2') }) };
}

let filter: HttpFilter | undefined;

/**
 * Makes a request offer what the metadata of its cluster says, and does nothing where that says nothing. So it is the same
 * for all connection managers, and neither listeners nor routes change with the protocols of services.
 */
export function buildOfferFilter(): HttpFilter {
  filter ??= {
    name: filters.setFilterState,
    typedConfig: pack('envoy.extensions.filters.http.set_filter_state.v3.Config', {
      onRequestHeaders: [
        {
          objectKey: 'envoy.network.application_protocols',
          formatString: {
            textFormatSource: {
              inlineString: `%CEL(xds.cluster_metadata.filter_metadata.${OFFERS}[request.protocol])%`,
            },
            omitEmptyValues: true,
          },
          skipIfEmpty: true,
        },
      ],
    }),
  };
  return filter;
}
