import { isIPv6 } from 'node:net';
import type { Service } from '#model/index.ts';
import { type ClusterContext, parseOrigin, type ServiceObject } from './objects.ts';
import { selectProtocol } from './protocol.ts';

/** A Kubernetes Service as a destination of the mesh. */
export function parseService(object: ServiceObject, context: ClusterContext): Service {
  const origin = parseOrigin(object, context.clusterId);
  const spec = object.spec ?? {};
  const external = spec.type === 'ExternalName' ? spec.externalName : undefined;
  const virtual = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((ip) => ip !== '' && ip !== 'None');
  return {
    ...origin,
    hostname: `${origin.name}.${origin.namespace}.svc.${context.domainSuffix}`,
    registry: 'Kubernetes',
    resolution: external !== undefined ? 'dns' : spec.clusterIP === 'None' ? 'passthrough' : 'eds',
    addresses: virtual.map((address) => ({ family: isIPv6(address) ? 'ipv6' : 'ipv4', address })),
    ports: (spec.ports ?? []).map((port) => ({
      name: port.name ?? '',
      port: port.port,
      targetPort: port.targetPort ?? port.port,
      protocol: selectProtocol(port),
      ...(port.nodePort === undefined ? {} : { nodePort: port.nodePort }),
    })),
    selector: external === undefined ? (spec.selector ?? {}) : {},
    ...(external === undefined ? {} : { externalName: external }),
    exportTo: splitList(object.metadata.annotations?.['networking.istio.io/exportTo']),
    labels: object.metadata.labels ?? {},
  };
}

function splitList(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
