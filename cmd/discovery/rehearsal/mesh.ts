/** A small mesh as Kubernetes objects, and the changes that are rehearsed on it. */
import type { AnyObject, MemorySource, ObjectKind } from '#registry/index.ts';
import type { NodeFacts } from './node.ts';

const SERVICES = 24;
const NAMESPACES = 4;
const ENDPOINTS = 4;
/** So many services, the first, have a VirtualService and a DestinationRule. */
const RULED = 8;

const namespaceOf = (service: number): string => `rehearsal-${service % NAMESPACES}`;
const nameOf = (service: number): string => `service-${service}`;
const hostOf = (service: number): string => `${nameOf(service)}.${namespaceOf(service)}.svc.cluster.local`;
const addressOf = (service: number, endpoint: number): string => `10.1.${service}.${endpoint + 1}`;

const labelsOf = (service: number) => ({
  ...{ app: nameOf(service), version: 'v1' },
  'security.istio.io/tlsMode': 'istio',
});

function describe(apiVersion: string, kind: ObjectKind, service: number, rest: object, labels = {}): AnyObject {
  return {
    ...{ apiVersion, kind },
    metadata: { name: nameOf(service), namespace: namespaceOf(service), uid: `${kind}-${service}`, labels },
    ...rest,
  };
}

function describeService(service: number): AnyObject {
  const address = `10.2.0.${service + 1}`;
  return describe('v1', 'Service', service, {
    spec: {
      ...{ clusterIP: address, clusterIPs: [address], ipFamilies: ['IPv4'] },
      selector: { app: nameOf(service) },
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    },
  });
}

/** `last`: the address of its last endpoint. */
function describeSlice(service: number, last = addressOf(service, ENDPOINTS - 1)): AnyObject {
  const rest = {
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints: Array.from({ length: ENDPOINTS }, (_, endpoint) => ({
      addresses: [endpoint === ENDPOINTS - 1 ? last : addressOf(service, endpoint)],
      conditions: { ready: true },
      nodeName: 'rehearsal',
      ...(endpoint === 0 ? { targetRef: { kind: 'Pod', name: nameOf(service), namespace: namespaceOf(service) } } : {}),
    })),
  };
  return describe('discovery.k8s.io/v1', 'EndpointSlice', service, rest, {
    'kubernetes.io/service-name': nameOf(service),
  });
}

function describePod(service: number): AnyObject {
  const ip = addressOf(service, 0);
  const rest = {
    spec: { serviceAccountName: 'default', nodeName: 'rehearsal', containers: [{ name: 'app' }] },
    status: { podIP: ip, podIPs: [{ ip }], phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  };
  return describe('v1', 'Pod', service, rest, labelsOf(service));
}

function describeRoute(service: number, version: number): AnyObject {
  const host = hostOf(service);
  const part = (subset: string, weight: number) => ({ destination: { host, subset }, weight });
  const route = [part('v1', 1 + (version % 98)), part('v2', 99 - (version % 98))];
  return describe('networking.istio.io/v1', 'VirtualService', service, {
    spec: { hosts: [host], http: [{ timeout: `${1 + version}s`, route }] },
  });
}

function describeRule(service: number, version: number): AnyObject {
  const subset = (name: string) => ({ name, labels: { version: name } });
  return describe('networking.istio.io/v1', 'DestinationRule', service, {
    spec: {
      host: hostOf(service),
      trafficPolicy: { connectionPool: { tcp: { maxConnections: 1 + version } } },
      subsets: [subset('v1'), subset('v2')],
    },
  });
}

const every = <Value>(length: number, describeOne: (service: number) => Value): Value[] =>
  Array.from({ length }, (_, service) => describeOne(service));

/** All that is there before the first change. */
export function describeSmallMesh(): readonly AnyObject[] {
  return [
    ...every(SERVICES, describeService),
    ...every(SERVICES, describePod),
    ...every(SERVICES, (service) => describeSlice(service)),
    ...every(RULED, (service) => describeRoute(service, 0)),
    ...every(RULED, (service) => describeRule(service, 0)),
  ];
}

/** A Service and its endpoints that come and go; the first service that is not there from the start. */
const GUEST = SERVICES;

/** What is changed one after the other, again and again. `version` differs from time to time. */
export const changes: readonly ((objects: MemorySource, version: number) => void)[] = [
  (objects, version) => objects.apply([describeSlice(version % SERVICES, `10.3.0.${1 + (version % 250)}`)]),
  (objects, version) => objects.apply([describeRoute(version % RULED, version)]),
  (objects, version) => objects.apply([describeRule(version % RULED, version)]),
  (objects) => objects.apply([describeService(GUEST), describeSlice(GUEST)]),
  (objects) => {
    objects.delete('EndpointSlice', namespaceOf(GUEST), nameOf(GUEST));
    objects.delete('Service', namespaceOf(GUEST), nameOf(GUEST));
  },
];

const CLIENTS = 12;

/** The pods that connect. */
export const clients: readonly NodeFacts[] = every(CLIENTS, (service) => ({
  ...{ name: nameOf(service), namespace: namespaceOf(service), serviceAccount: 'default' },
  ...{ ips: [addressOf(service, 0)], labels: labelsOf(service), cluster: 'Kubernetes', network: '' },
}));

/** The route configurations that their listeners name. */
export const routes: readonly string[] = ['80'];
