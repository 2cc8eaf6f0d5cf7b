import { isIPv6 } from 'node:net';
import { annotations } from '#api/constants.ts';
import type { Service } from '#model/index.ts';
import { type ClusterContext, parseOrigin, type ServiceObject } from './objects.ts';
import { selectProtocol } from './protocol.ts';
import { parseTrafficDistribution, selectTrafficDistribution } from './trafficdistribution.ts';

/** A Kubernetes Service as a destination of the mesh; its type decides nothing beyond its addresses and `externalName`. */
export function parseService(object: ServiceObject, context: ClusterContext): Service {
  const origin = parseOrigin(object, context.clusterId);
  const spec = object.spec ?? {};
  const external = spec.type === 'ExternalName' ? spec.externalName?.toLowerCase().replace(/\.$/, '') : undefined;
  const virtual = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((ip) => ip !== '' && ip !== 'None');
  const own = object.metadata.annotations ?? {};
  const distribution =
    selectTrafficDistribution(spec.trafficDistribution) ??
    parseTrafficDistribution(own[annotations.trafficDistribution]);
  return {
    ...origin,
    hostname: `${origin.name}.${origin.namespace}.svc.${context.domainSuffix}`,
    registry: 'Kubernetes',
    resolution: external !== undefined ? 'alias' : spec.clusterIP === 'None' ? 'passthrough' : 'eds',
    addresses:
      external === undefined ? virtual.map((address) => ({ family: isIPv6(address) ? 'ipv6' : 'ipv4', address })) : [],
    ports: (spec.ports ?? []).map((port) => ({
      name: port.name ?? '',
      port: port.port,
      targetPort: port.targetPort ?? port.port,
      protocol: selectProtocol(port),
      ...(port.nodePort === undefined ? {} : { nodePort: port.nodePort }),
    })),
    selector: external === undefined ? (spec.selector ?? {}) : {},
    ...(external === undefined ? {} : { externalName: external }),
    exportTo: splitList(own[annotations.exportTo]),
    labels: object.metadata.labels ?? {},
    ...(distribution === undefined ? {} : { trafficDistribution: distribution }),
    ...(spec.internalTrafficPolicy === 'Local' ? { nodeLocal: true } : {}),
    ...(spec.publishNotReadyAddresses === true ? { publishNotReadyAddresses: true } : {}),
  };
}

function splitList(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
