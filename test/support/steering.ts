import { eventually } from './cluster.ts';
import { askGateway } from './load.ts';
import type { Mesh } from './mesh.ts';

/**
 * Routes whose effect can be seen from outside without a pod of their own: requests of one user (`end-user`) for
 * `details` go to `ratings` instead, which knows no such path and answers 404. The sidecar of productpage decides, so
 * what is seen is in force between pods.
 */
export function steerDetails(user: string): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'faults-details' },
    spec: {
      hosts: ['details'],
      http: [
        { match: [{ headers: { 'end-user': { exact: user } } }], route: [{ destination: { host: 'ratings' } }] },
        { route: [{ destination: { host: 'details' } }] },
      ],
    },
  };
}

/** Opens a host at the ingress gateway whose requests go to one service: `/details/0` or `/ratings/0` tells which. */
export function openHost(host: string, service: 'details' | 'ratings'): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'faults-ingress' },
    spec: {
      hosts: [host],
      gateways: ['bookinfo-gateway'],
      http: [{ route: [{ destination: { host: service, port: { number: 9080 } } }] }],
    },
  };
}

/** Whether `steerDetails(user)` is in force. */
export async function isSteered(mesh: Mesh, user: string): Promise<boolean> {
  const { status } = await askGateway(mesh, '/api/v1/products/0', { cookie: `user=${user}` });
  return status === 404;
}

export async function untilSteered(mesh: Mesh, user: string, wanted = true): Promise<void> {
  const what = `${user} ${wanted ? 'is' : 'is not'} steered`;
  await eventually(what, async () => ((await isSteered(mesh, user)) === wanted ? true : undefined));
}

/** Waits until requests for a host go to that service, or nowhere (`undefined`). */
export async function untilOpened(mesh: Mesh, host: string, service: 'details' | 'ratings' | undefined): Promise<void> {
  const path = service === undefined ? '/details/0' : `/${service}/0`;
  const wanted = service === undefined ? 404 : 200;
  await eventually(`${host} goes to ${service ?? 'nowhere'}`, async () => {
    const { status } = await askGateway(mesh, path, { host });
    return status === wanted ? true : undefined;
  });
}

/** Waits until a VirtualService of the sample's namespace says Programmed at its newest generation. */
export async function untilProgrammed(mesh: Mesh, name: string): Promise<void> {
  await untilCondition(mesh, 'virtualservice', name, 'Programmed', 'True');
}

export async function untilAccepted(
  mesh: Mesh,
  kind: string,
  name: string,
  status: 'True' | 'False',
): Promise<Condition> {
  return untilCondition(mesh, kind, name, 'Accepted', status);
}

/** Waits until a resource of the sample's namespace has that condition at its newest generation. */
async function untilCondition(
  mesh: Mesh,
  kind: string,
  name: string,
  type: string,
  wanted: Condition['status'],
): Promise<Condition> {
  return eventually(`${kind} ${name}: ${type} is ${wanted}`, async () => {
    const { metadata, status } = await readResource(mesh, kind, name);
    const condition = status?.conditions?.find((candidate) => candidate.type === type);
    return condition?.status === wanted && condition.observedGeneration === metadata.generation ? condition : undefined;
  });
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

export interface ConditionedObject {
  readonly spec?: unknown;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly generation: number;
    readonly resourceVersion: string;
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** A resource of the sample's namespace. */
export async function readResource(mesh: Mesh, kind: string, name: string): Promise<ConditionedObject> {
  const parameters = ['get', kind, name, '-n', mesh.namespace, '-o', 'json'];
  return JSON.parse(await mesh.cluster.kubectl(parameters)) as ConditionedObject;
}
