import type { EndpointSlice } from '#model/index.ts';
import { type ClusterContext, type EndpointSliceObject, parseOrigin } from './objects.ts';

/** An EndpointSlice; undefined when it belongs to no Service or holds DNS names. */
export function parseEndpointSlice(object: EndpointSliceObject, context: ClusterContext): EndpointSlice | undefined {
  const service = object.metadata.labels?.['kubernetes.io/service-name'];
  if (service === undefined || object.addressType === 'FQDN') return undefined;
  const origin = parseOrigin(object, context.clusterId);
  return {
    ...origin,
    // Its generation grows with every change of an endpoint and says nothing that the endpoints don't.
    generation: 0,
    service: `${origin.cluster}/${origin.namespace}/${service}`,
    family: object.addressType === 'IPv6' ? 'ipv6' : 'ipv4',
    ports: (object.ports ?? []).flatMap((port) =>
      port.port === undefined ? [] : [{ name: port.name ?? '', port: port.port }],
    ),
    endpoints: (object.endpoints ?? []).map((endpoint) => {
      const ready = endpoint.conditions?.ready ?? true;
      const pod = endpoint.targetRef?.kind === 'Pod' ? endpoint.targetRef.name : undefined;
      return {
        addresses: endpoint.addresses,
        ready,
        serving: endpoint.conditions?.serving ?? ready,
        terminating: endpoint.conditions?.terminating ?? false,
        ...(endpoint.nodeName === undefined ? {} : { node: endpoint.nodeName }),
        ...(endpoint.zone === undefined ? {} : { zone: endpoint.zone }),
        ...(pod === undefined ? {} : { pod }),
        ...(endpoint.hostname === undefined ? {} : { hostname: endpoint.hostname }),
      };
    }),
  };
}
