/** The objects that things are made to wait with. */
import type { Draft } from '#kube/index.ts';

export const namespace = 'shop';

/** One object as it is written to the API server. */
export type Described = Draft & {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly status?: object;
};

export interface ServiceShape {
  readonly name: string;
  readonly port?: number;
  readonly protocol?: 'http' | 'tcp';
  /** Endpoints are its own affair, nobody selects them. */
  readonly unselective?: boolean;
}

export function describeService({ name, port = 9080, protocol = 'http', unselective }: ServiceShape): Described {
  return {
    kind: 'Service',
    metadata: { name, namespace },
    spec: {
      ...(unselective === true ? {} : { selector: { app: name } }),
      ports: [{ name: protocol, port, targetPort: port, protocol: 'TCP' }],
    },
  };
}

interface PodShape {
  readonly name: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ip: string;
}

function describePod({
  name,
  namespace: place = namespace,
  serviceAccount = 'default',
  labels,
  ip,
}: PodShape): Described {
  return {
    kind: 'Pod',
    metadata: { name, namespace: place, labels },
    spec: {
      serviceAccountName: serviceAccount,
      nodeName: 'node-1',
      automountServiceAccountToken: false,
      containers: [{ name: 'app', image: 'none' }],
    },
    status: { podIP: ip, podIPs: [{ ip }], phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

/** `version` and address of each pod. */
export type Pods = Readonly<Record<string, string>>;

export const describePods = (app: string, pods: Pods): readonly Described[] =>
  Object.entries(pods).map(([version, ip]) =>
    describePod({ name: `${app}-${version}-0`, labels: { app, version }, ip }),
  );

/** The pods of both proxies, and the gateway's Service. */
export function describeProxies(addresses: {
  readonly sidecar: string;
  readonly gateway: string;
}): readonly Described[] {
  const system = 'istio-system';
  const labels = { istio: 'ingressgateway' };
  return [
    describePod({ name: 'client-0', labels: { app: 'client' }, ip: addresses.sidecar }),
    describePod({ name: 'gateway-0', namespace: system, serviceAccount: 'ingress', labels, ip: addresses.gateway }),
    {
      kind: 'Service',
      metadata: { name: 'gateway', namespace: system },
      spec: { selector: labels, ports: [{ name: 'https', port: 443, targetPort: 8443, protocol: 'TCP' }] },
    },
  ];
}

export function describeSlice({ name, port = 9080, protocol = 'http' }: ServiceShape, pods: Pods): Described {
  return {
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: protocol, port, protocol: 'TCP' }],
    endpoints: Object.entries(pods).map(([version, ip]) => ({
      addresses: [ip],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: 'Pod', name: `${name}-${version}-0`, namespace },
      nodeName: 'node-1',
    })),
  };
}

/** A rule with one subset per name, each of a version. */
export function describeRule(host: string, subsets: Readonly<Record<string, string>>): Described {
  return {
    kind: 'DestinationRule',
    metadata: { name: host, namespace },
    spec: { host, subsets: Object.entries(subsets).map(([name, version]) => ({ name, labels: { version } })) },
  };
}

interface Destination {
  readonly host: string;
  readonly subset?: string;
  readonly port?: number;
}

const toRoute = ({ host, subset, port }: Destination) => ({
  destination: {
    host,
    ...(subset === undefined ? {} : { subset }),
    ...(port === undefined ? {} : { port: { number: port } }),
  },
});

/** Everything to one destination, but for what is below a path. `serial` makes another version of the same. */
export function describeRoutes(
  host: string,
  to: Destination,
  { elsewhere, serial }: { readonly elsewhere?: Destination; readonly serial?: number } = {},
): Described {
  const rest = { route: [toRoute(to)], ...(serial === undefined ? {} : { timeout: `${60 + serial}s` }) };
  const http =
    elsewhere === undefined
      ? [rest]
      : [{ match: [{ uri: { prefix: '/elsewhere' } }], route: [toRoute(elsewhere)] }, rest];
  return { kind: 'VirtualService', metadata: { name: host, namespace }, spec: { hosts: [host], http } };
}

export function describeTcpRoutes(host: string, to: Destination): Described {
  const spec = { hosts: [host], tcp: [{ route: [toRoute(to)] }] };
  return { kind: 'VirtualService', metadata: { name: host, namespace }, spec };
}

/** A host outside that is looked up by name. */
export function describeOutsider(host: string, port = 9080): Described {
  return {
    kind: 'ServiceEntry',
    metadata: { name: host, namespace },
    spec: { hosts: [host], resolution: 'DNS', ports: [{ name: 'http', number: port, protocol: 'HTTP' }] },
  };
}

/** One HTTPS server for each name, with the Secret of that name. */
export function describeGateway(names: readonly string[]): Described {
  return {
    kind: 'Gateway',
    metadata: { name: 'secure', namespace },
    spec: {
      selector: { istio: 'ingressgateway' },
      servers: names.map((name) => ({
        port: { number: 443, name: `https-${name}`, protocol: 'HTTPS' },
        hosts: [`${name}.example.com`],
        tls: { mode: 'SIMPLE', credentialName: name },
      })),
    },
  };
}

export function describeSecret(name: string, { certificate, key }: { certificate: string; key: string }): Described {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return {
    kind: 'Secret',
    metadata: { name, namespace: 'istio-system' },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': base64(certificate), 'tls.key': base64(key) },
  };
}

/** The name of a cluster of Envoy's. */
export const clusterOf = (host: string, subset = '', port = 9080): string =>
  `outbound|${port}|${subset}|${host}.${namespace}.svc.cluster.local`;

export const outsiderCluster = (host: string): string => `outbound|9080||${host}`;
