/** Disturbances by what is in the cluster, put there through its API server. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '#kube/index.ts';
import type { ScaleMesh } from '../scale/mesh.ts';
import type { KubernetesObject } from '../scale/objects.ts';
import type { RunningDisturbance } from './beside.ts';
import { describeCrowdedService, describeCrowdedSlice, describeFaultyRoute } from './objects.ts';

/** A service with so many endpoints, of which one gets another address each second. */
export async function crowdService(
  mesh: ScaleMesh,
  endpoints: number,
  signal: AbortSignal,
): Promise<RunningDisturbance> {
  const objects = describeCrowdedService(endpoints);
  await mesh.create(objects, signal);
  const stopping = new AbortController();
  const until = AbortSignal.any([signal, stopping.signal]);
  let edits = 0;
  const editing = (async () => {
    while (!until.aborted) {
      await mesh.edit(describeCrowdedSlice(0, edits + 1), 'endpoints');
      edits += 1;
      await sleep(1_000, undefined, { signal: until }).catch(() => undefined);
    }
  })();
  return {
    count: async () => edits,
    async stop() {
      stopping.abort();
      await editing;
      for (const object of objects) await mesh.remove(object);
    },
  };
}

interface Reported extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[];
  };
}

/** So many of what is written are read again, the last among them. */
const looked = 20;
/** Milliseconds in which status is waited for. */
const patience = 300_000;

/** Resolves when all are written; `finish` when the status of those that are looked at says what is wrong with them. */
export async function writeFaultyRoutes(
  mesh: ScaleMesh,
  count: number,
  signal: AbortSignal,
): Promise<RunningDisturbance> {
  const routes = Array.from({ length: count }, (_, at) => describeFaultyRoute(at, mesh.size));
  const started = performance.now();
  await mesh.create(routes, signal);
  const written = performance.now();
  return {
    async finish() {
      let left: readonly KubernetesObject[] = routes.filter((_, at) => (at + 1) % Math.ceil(count / looked) === 0);
      while (left.length > 0 && performance.now() < written + patience) {
        await sleep(200, undefined, { signal });
        left = await findUntold(mesh, left);
      }
      return [
        { figure: 'all written in', unit: 's', samples: [(written - started) / 1000] },
        { figure: 'status tells of the last after', unit: 's', samples: [(performance.now() - written) / 1000] },
        { figure: 'faults that status does not tell', unit: 'count', samples: [left.length], atMost: 0 },
      ];
    },
    stop: async () => undefined,
  };
}

/** Those whose status does not say yet what is wrong with them. */
async function findUntold(mesh: ScaleMesh, routes: readonly KubernetesObject[]): Promise<readonly KubernetesObject[]> {
  const untold: KubernetesObject[] = [];
  for (const route of routes) {
    const { status } = await mesh.read<Reported>(route);
    const told = status?.conditions?.some(
      ({ type, status: verdict, message }) =>
        (type === 'Accepted' || type === 'ResolvedRefs') && verdict === 'False' && message !== '',
    );
    if (told !== true) untold.push(route);
  }
  return untold;
}
