import { expect } from 'chai';
import { createTestMesh } from '../testing/mesh.ts';
import { usableEndpoints } from './endpoints.ts';

interface Given {
  readonly conditions: string;
  readonly labels?: string;
}

const service = (spec: string) => `
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec: {clusterIP: None, ports: [{name: tcp, port: 5432}]${spec}}
---`;

/** A slice with one endpoint per item, each with its pod `db-N`. */
function slices(items: readonly Given[]): string {
  const endpoints = items.map(
    ({ conditions }, at) =>
      `{addresses: [10.0.0.${at}], hostname: db-${at}, nodeName: n${at}, conditions: {${conditions}}, targetRef: {kind: Pod, name: db-${at}}}`,
  );
  const pods = items.map(
    ({ labels }, at) => `
apiVersion: v1
kind: Pod
metadata: {name: db-${at}, namespace: default, labels: {${labels ?? ''}}}
spec: {nodeName: n${at}}
status: {podIP: 10.0.0.${at}}
---`,
  );
  return `${pods.join('')}
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: default, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
ports: [{name: tcp, port: 5432}]
endpoints: [${endpoints.join()}]
`;
}

const ready = { conditions: 'ready: true' };
const starting = { conditions: 'ready: false, serving: false, terminating: false' };
const ending = { conditions: 'ready: false, serving: true, terminating: true' };
const dying = { conditions: 'ready: false, serving: false, terminating: true' };

describe('endpoints', () => {
  const cases: readonly (readonly [string, readonly Given[], readonly number[], string?])[] = [
    ['the ready ones alone', [ready, starting, ending, dying], [0]],
    ['without conditions', [{ conditions: '' }], [0]],
    ['what still serves while it ends, when nothing else is left', [starting, ending, dying], [1]],
    ['none when all are starting or gone', [starting, dying], []],
    ['not what its own label takes out', [{ ...ready, labels: 'istio.io/draining: "true"' }, ready], [1]],
    [
      'what its own label takes out, when nothing else is left',
      [{ ...ready, labels: 'istio.io/draining: "true"' }, starting],
      [0],
    ],
    [
      'everything of a Service that publishes addresses that are not ready',
      [starting, dying],
      [0, 1],
      ', publishNotReadyAddresses: true',
    ],
  ];
  for (const [what, items, expected, spec] of cases) {
    it(`take traffic: ${what}`, () => {
      const mesh = createTestMesh();
      mesh.source.apply(service(spec ?? '') + slices(items));
      const endpoints = mesh.read(mesh.queries.serviceEndpoints, 'default/db.default.svc.cluster.local');
      expect(usableEndpoints(endpoints).flatMap(({ addresses }) => addresses)).to.deep.equal(
        expected.map((at) => `10.0.0.${at}`),
      );
    });
  }

  it('say their name below the service and where they run: by label of the pod, by labels of the node, by slice', () => {
    const mesh = createTestMesh();
    mesh.source.apply(service('') + slices([{ ...ready, labels: 'istio-locality: r1.z1.s1' }, ready, ready]));
    mesh.source.apply(
      'kind: Node\nmetadata: {name: n1, labels: {failure-domain.beta.kubernetes.io/region: r2, topology.kubernetes.io/zone: z2}}',
    );
    const found = mesh.read(mesh.queries.serviceEndpoints, 'default/db.default.svc.cluster.local');
    expect(
      found.map(({ hostname, node, locality }) => [hostname, node, Object.values(locality).join('/')]),
    ).to.deep.equal([
      ['db-0', 'n0', 'r1/z1/s1'],
      ['db-1', 'n1', 'r2/z2/'],
      ['db-2', 'n2', '//'],
    ]);
  });

  it('keep one number that is both a UDP and a TCP port', () => {
    const mesh = createTestMesh();
    mesh.source.apply(`
apiVersion: v1
kind: Service
metadata: {name: dns, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]}
`);
    const found = mesh.read(mesh.queries.service, 'default/dns.default.svc.cluster.local');
    expect(found?.ports.map(({ name, protocol }) => [name, protocol])).to.deep.equal([['dns-tcp', 'TCP']]);
  });
});
