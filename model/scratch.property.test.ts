import { expect } from 'chai';
import fc from 'fast-check';
import type { AnyObject } from '#registry/index.ts';
import { parseObjects } from '#registry/index.ts';
import { endpointKeyOf, parseViewKey } from './keys.ts';
import { listenerRouteTable } from './outbound/listeners.ts';
import { createTestMesh, type TestMesh } from './testing/mesh.ts';
import { podObject, serviceObjects } from './testing/objects.ts';

/** One thing to do to the mesh: put or remove one of a few objects, in one of a few forms. */
interface Step {
  readonly kind: (typeof kinds)[number];
  readonly which: number;
  readonly form: number;
  readonly namespace: (typeof namespaces)[number];
  readonly remove: boolean;
}

const kinds = [
  'service',
  'pod',
  'slice',
  'VirtualService',
  'DestinationRule',
  'PeerAuthentication',
  'Gateway',
  'Sidecar',
  'ServiceEntry',
  'WorkloadEntry',
] as const;
const namespaces = ['a', 'b', 'istio-system'] as const;

const stepOf = (...some: readonly Step['kind'][]) =>
  fc.record<Step>({
    kind: fc.constantFrom(...some),
    which: fc.integer({ min: 0, max: 2 }),
    form: fc.integer({ min: 0, max: 5 }),
    namespace: fc.constantFrom(...namespaces),
    remove: fc.boolean(),
  });
const steps = fc.array(stepOf(...kinds), { minLength: 1, maxLength: 25 });
/** What makes hosts that several namespaces declare, and what decides who sees which declaration. */
const contestingSteps = fc.array(
  stepOf('ServiceEntry', 'ServiceEntry', 'Sidecar', 'Sidecar', 'service', 'VirtualService', 'DestinationRule'),
  { minLength: 5, maxLength: 25, size: 'max' },
);

const exports = ['["*"]', '["."]', '["*"]', '[b]', '["*"]', '[".", a]'];
const hosts = [
  's0.a.svc.cluster.local',
  's0',
  '"*.a.svc.cluster.local"',
  'books.example.com',
  '"*"',
  's1.b.svc.cluster.local',
];

const sidecarListeners = [
  '{hosts: ["./*", "a/*"]}',
  '{hosts: ["*/*", "~b/*", "~*/s1.a.svc.cluster.local"]}',
  '{port: {number: 80, protocol: HTTP, name: p}, hosts: ["b/*"]}, {hosts: ["a/s0.a.svc.cluster.local", "*/*.b.svc.cluster.local"]}',
  '{port: {number: 5432, protocol: TCP, name: p}, bind: 127.0.0.1, captureMode: NONE, hosts: ["*/*"]}',
  '{port: {number: 80, name: p}, hosts: ["*/s0.a.svc.cluster.local"]}, {hosts: ["*/*"], captureMode: NONE}',
  '{port: {number: 3128, protocol: HTTP_PROXY, name: p}, hosts: ["a/*"]}, {hosts: ["b/books.example.com", "istio-system/*"]}',
];

/** Every resolution, with and without addresses, for hosts that others have too. */
const entries = [
  '{hosts: [HOST], exportTo: EXPORT, resolution: STATIC, location: MESH_INTERNAL, ports: [{number: 80, name: http, protocol: HTTP}, {number: 90, name: tcp, protocol: TCP}], endpoints: [{address: 10.9.0.1, serviceAccount: x}]}',
  '{hosts: [HOST, "*.example.com"], exportTo: EXPORT, resolution: NONE, ports: [{number: 80, name: any}, {number: 443, name: tls, protocol: TLS}]}',
  '{hosts: [HOST], exportTo: EXPORT, resolution: DNS, ports: [{number: 80, name: http, protocol: GRPC}, {number: 443, name: tls, protocol: HTTPS}]}',
  '{hosts: [HOST], exportTo: EXPORT, resolution: STATIC, location: MESH_INTERNAL, addresses: [10.5.0.1, 10.6.0.0/16], ports: [{number: 80, name: tcp, protocol: TCP}], workloadSelector: {labels: {app: s0}}}',
  '{hosts: ["*.example.com"], exportTo: EXPORT, resolution: DYNAMIC_DNS, ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]}',
  '{hosts: [HOST], exportTo: EXPORT, resolution: STATIC, addresses: [10.6.0.0/16], ports: [{number: 81, name: any}, {number: 443, name: tls, protocol: TLS}], endpoints: [{address: unix:///x}]}',
];

function build({ kind, which, form, namespace }: Step): readonly AnyObject[] {
  const name = `s${which}`;
  const host = hosts[(form + which) % hosts.length] ?? '';
  const exportTo = exports[form] ?? '';
  const service = {
    name,
    namespace,
    ...(form === 5 ? {} : { address: `10.96.${namespaces.indexOf(namespace)}.${which + 1}` }),
    ports:
      [['http:80', 'tcp:5432'], ['x:80'], ['grpc:80', 'http-b:81'], ['tcp:80'], ['http:80'], ['tcp:5432']][form] ?? [],
    selector: { app: name },
    annotations: { 'networking.istio.io/exportTo': form === 1 ? '.' : form === 3 ? 'b' : '*' },
    pods: [0, 1]
      .slice(0, (form % 3) + 1)
      .map((at) => ({ name: `p${at}`, ip: `10.0.0.${at + 1}`, labels: { app: name } })),
  };
  const [object, slice] = serviceObjects(service);
  switch (kind) {
    case 'service':
      return object === undefined ? [] : [object];
    case 'slice':
      return slice === undefined ? [] : [slice];
    case 'pod':
      return [
        podObject(
          {
            name: `p${which}`,
            ip: `10.0.0.${which + 1}`,
            labels: { app: `s${form % 3}`, version: `v${form}` },
            sidecar: form !== 4,
          },
          namespace,
        ),
      ];
    case 'VirtualService':
      return parseObjects(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  hosts: [${host}]
  exportTo: ${exportTo}
  gateways: [${form === 4 ? 'a/s0' : 'mesh, a/s0'}]
  http:
  - match: [{uri: {prefix: /${form}}, ${form === 2 ? 'sourceNamespace: b' : 'sourceLabels: {app: s0}'}}]
    route: [{destination: {host: s0.a.svc.cluster.local, subset: v${form}}}]
  - route: [{destination: {host: s${which}}}]
`);
    case 'DestinationRule':
      return parseObjects(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  host: ${host}
  exportTo: ${exportTo}
  subsets: [{name: v${form}, labels: {version: v${form}}}]
  trafficPolicy: {tls: {mode: ${form === 0 ? 'ISTIO_MUTUAL' : 'DISABLE'}}}
`);
    case 'PeerAuthentication':
      return parseObjects(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: ${namespace}}
spec: {${form < 3 ? '' : 'selector: {matchLabels: {app: s0}},'} mtls: {mode: ${['STRICT', 'DISABLE', 'NONSENSE', 'UNSET', 'STRICT', 'PERMISSIVE'][form]}}}
`);
    case 'Sidecar':
      return parseObjects(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  ${which === 0 ? 'workloadSelector: {labels: {app: s0}}' : ''}
  ${form % 2 === 0 ? '' : 'outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: s0.a.svc.cluster.local, port: {number: 80}}}'}
  egress: [${sidecarListeners[form] ?? ''}]
`);
    case 'ServiceEntry':
      return parseObjects(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${entries[form]?.replace('HOST', which === 0 ? 's0.a.svc.cluster.local' : 'books.example.com').replace('EXPORT', exportTo)}
`);
    case 'WorkloadEntry':
      return parseObjects(`
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: ${namespace}, annotations: {proxy.istio.io/health-checks-enabled: "${form === 1}"}}
spec: {address: 10.8.0.${form}, labels: {app: s${form % 3}}, serviceAccount: vm, ports: {http: 70}}
status: {conditions: [{type: Healthy, status: "${which === 0 ? 'True' : 'False'}"}]}
`);
    case 'Gateway':
      return parseObjects(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  selector: {app: s${form % 2}}
  servers: [{port: {number: ${form === 3 ? 443 : 80}, name: p, protocol: ${form === 4 ? 'TCP' : 'HTTP'}}, hosts: ["${form === 5 ? 'b/*' : '*'}"]}]
`);
  }
}

const configKinds = [
  'VirtualService',
  'DestinationRule',
  'PeerAuthentication',
  'Gateway',
  'Sidecar',
  'ServiceEntry',
  'WorkloadEntry',
];

/** Everything that some proxies are served, as text. */
function describeMesh(mesh: TestMesh): string {
  const { queries } = mesh;
  const parts: unknown[] = [];
  for (const type of ['sidecar', 'router'] as const) {
    for (const namespace of namespaces) {
      const keys = mesh.keysOf({ type, namespace, podName: 'p0', labels: { app: 's0' } });
      const view = parseViewKey(keys.view);
      parts.push(keys);
      parts.push(mesh.read(queries.viewNames, keys.view).map((part) => mesh.read(queries.names, part)));
      const clusters = mesh.flatten(queries.clusterSlice, mesh.read(queries.viewClusters, keys.view));
      const names = clusters.map((key) => JSON.stringify(mesh.read(queries.cluster, key)?.name));
      expect(new Set(names).size, `a cluster stands twice: ${names.join(' ')}`).to.equal(names.length);
      for (const key of clusters) {
        parts.push(mesh.read(queries.cluster, key), mesh.read(queries.endpointGroup, endpointKeyOf(key, view)));
      }
      const tables = [...mesh.read(queries.viewRouteTables, keys.view)];
      for (const key of mesh.flatten(queries.listenerSlice, mesh.read(queries.viewListeners, keys.view))) {
        parts.push(mesh.read(queries.listener, key));
        tables.push(...[listenerRouteTable(key)].filter((table) => table !== undefined));
      }
      for (const key of tables) {
        const hosts = mesh.flatten(queries.routeSlice, mesh.read(queries.routeTable, key));
        const values = hosts.map((host) => mesh.read(queries.virtualHost, host));
        const domains = values.flatMap((host) => host.domains);
        expect(new Set(domains).size, `a domain stands twice: ${domains.join(' ')}`).to.equal(domains.length);
        parts.push(...values);
      }
      if (keys.class !== undefined) {
        parts.push(mesh.read(queries.inboundListeners, keys.class), mesh.read(queries.inboundClusters, keys.class));
      }
      if (keys.gateway !== undefined) {
        parts.push(mesh.read(queries.gatewayListeners, keys.gateway));
        for (const table of mesh.read(queries.gatewayRouteTables, keys.gateway)) {
          const { virtualHosts } = mesh.read(queries.gatewayRouteTable, table);
          parts.push(...virtualHosts.map((host) => mesh.read(queries.gatewayVirtualHost, host)));
        }
      }
    }
  }
  for (const kind of configKinds) {
    for (const namespace of namespaces) {
      for (const which of [0, 1, 2])
        parts.push(mesh.read(queries.diagnostics, `${kind}/Kubernetes/${namespace}/s${which}`));
    }
  }
  return JSON.stringify(parts, (_, value: unknown) => (value instanceof Map ? [...value] : value));
}

/** Makes the edits one by one and compares with a mesh that has known nothing else. Returns how many hosts were contested. */
function checkSequence(sequence: readonly Step[]): number {
  const mesh = createTestMesh();
  const present = new Map<string, AnyObject>();
  let serial = 0;
  let contested = 0;
  for (const step of sequence) {
    for (const object of build(step)) {
      serial += 1;
      const { name, namespace = '' } = object.metadata;
      const key = `${object.kind}/${namespace}/${name}`;
      const earlier = present.get(key);
      const before = earlier?.metadata;
      if (step.remove) {
        present.delete(key);
        if (step.kind !== 'service' && step.kind !== 'slice' && step.kind !== 'pod')
          mesh.source.delete(step.kind, namespace, name);
        else
          mesh.source.delete(
            ({ service: 'Service', slice: 'EndpointSlice', pod: 'Pod' } as const)[step.kind],
            namespace,
            name,
          );
        continue;
      }
      const metadata = {
        ...object.metadata,
        uid: before?.uid ?? `uid-${serial}`,
        generation: serial,
        creationTimestamp: before?.creationTimestamp ?? new Date(serial * 1000).toISOString(),
      };
      const stored = { ...object, metadata };
      present.set(key, stored);
      mesh.source.apply([stored]);
      // An invalid version leaves the last valid one in force, of which a mesh from scratch cannot know.
      const invalid = mesh.graph.peek(mesh.inputs.invalidConfigs, `${object.kind}/Kubernetes/${namespace}/${name}`);
      if (earlier !== undefined && invalid?.lastValidInForce) {
        present.set(key, earlier);
        mesh.source.apply([earlier]);
      }
    }
    describeMesh(mesh);
    contested += mesh.read(mesh.queries.contestedHosts, '').size;
  }
  const scratch = createTestMesh();
  scratch.source.apply([...present.values()]);
  expect(describeMesh(mesh)).to.equal(describeMesh(scratch));
  return contested;
}

describe('any sequence of edits', () => {
  it('gives what a mesh built from scratch gives', function () {
    this.timeout(120_000);
    fc.assert(
      fc.property(steps, (sequence) => void checkSequence(sequence)),
      { numRuns: 60 },
    );
  });

  it('gives the same where several namespaces declare one host', function () {
    this.timeout(120_000);
    let contested = 0;
    const check = (sequence: readonly Step[]) => {
      contested += checkSequence(sequence);
    };
    fc.assert(fc.property(contestingSteps, check), { numRuns: 40 });
    // The declarations meet, or the comparison would prove little.
    expect(contested).to.be.greaterThan(0);
  });
});
