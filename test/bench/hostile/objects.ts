/** What people put into a cluster that is much, or wrong. */
import { hostOf, type KubernetesObject, type MeshSize, namespaceOf } from '../scale/objects.ts';

/** As many as the API server lets into one slice. */
const endpointsPerSlice = 1_000;
const crowded = { name: 'crowded', namespace: 'ns0' };

export function describeCrowdedService(endpoints: number): readonly KubernetesObject[] {
  const service: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: crowded,
    spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  };
  const slices = Math.ceil(endpoints / endpointsPerSlice);
  return [service, ...Array.from({ length: slices }, (_, slice) => describeCrowdedSlice(slice))];
}

/** @param version from 1 to 65,535 tells itself by the first endpoint's address; 0 leaves that as it began */
export function describeCrowdedSlice(slice: number, version = 0): KubernetesObject {
  const address = (at: number) => `10.100.${(at >> 8) & 255}.${at & 255}`;
  const moved = `10.101.${version >> 8}.${version & 255}`;
  const { name, namespace } = crowded;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-${slice}`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints: Array.from({ length: endpointsPerSlice }, (_, at) => ({
      addresses: [at === 0 && version > 0 ? moved : address(slice * endpointsPerSlice + at)],
      conditions: { ready: true },
      nodeName: 'node-1',
    })),
  };
}

/** A VirtualService that the API server takes, in turn with a subset, a host and an expression that are none. */
export function describeFaultyRoute(at: number, size: MeshSize): KubernetesObject {
  const service = at % size.services;
  const host = hostOf(service, size);
  const to = (destination: object) => ({ route: [{ destination }] });
  const faults = [
    to({ host, subset: 'invented' }),
    to({ host: `invented-${at}` }),
    { match: [{ uri: { regex: '(' } }], ...to({ host }) },
  ];
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: `faulty-${at}`, namespace: namespaceOf(service, size) },
    spec: { hosts: [host], http: [faults[at % faults.length]] },
  };
}
