/** Hosts that do not resolve, as the name server says nothing: what waits for them, and what must not. */
import { hasCluster, isWarming, routesTo } from './envoy.ts';
import type { WaitingMesh } from './mesh.ts';
import {
  clusterOf,
  type Described,
  describeOutsider,
  describeRoutes,
  describeRule,
  outsiderCluster,
} from './objects.ts';
import { observe, until, type Wait } from './observe.ts';

const warmMs = 5_000;
/** After so long without an answer the next clusters go. */
const overlapMs = 1_000;

const programmed = (of: Described) => ({ of, type: 'Programmed' });

/** A host that the sidecar has begun to ask for. */
async function addOutsider(mesh: WaitingMesh, name: string): Promise<Described> {
  const outsider = describeOutsider(`${name}.invalid`);
  await mesh.put(outsider);
  await until(() => isWarming(mesh.sidecar, outsiderCluster(outsider.metadata.name)));
  return outsider;
}

async function routeToOutsider(mesh: WaitingMesh, name: string) {
  const outsider = describeOutsider(`${name}.invalid`);
  const host = 'reviews';
  const routes = describeRoutes(host, { host }, { elsewhere: { host: outsider.metadata.name, port: 9080 } });
  await mesh.put(outsider);
  const waited = await observe(mesh, {
    begin: () => mesh.put(routes),
    isOver: () => routesTo(mesh.sidecar, outsiderCluster(outsider.metadata.name)),
    status: programmed(routes),
  });
  await mesh.put(describeRoutes(host, { host }));
  await mesh.remove(outsider);
  return waited;
}

const aRouteToIt: Wait = {
  ...{ figure: 'a host that does not resolve: its route', bound: warmMs },
  provoke: (mesh, serial) => routeToOutsider(mesh, `nowhere-${serial}`),
};

const theNextClusters: Wait = {
  ...{ figure: 'beside it: the next clusters', bound: overlapMs },
  async provoke(mesh, serial) {
    const [host, subset] = ['ratings', `next-${serial}`];
    const outsider = await addOutsider(mesh, `silent-${serial}`);
    const rule = describeRule(host, { [subset]: 'v1' });
    const waited = await observe(mesh, {
      begin: () => mesh.put(rule),
      isOver: () => hasCluster(mesh.sidecar, clusterOf(host, subset)),
      status: programmed(rule),
    });
    await mesh.remove(outsider);
    return waited;
  },
};

const itIsTakenBack: Wait = {
  ...{ figure: 'it is taken back: its cluster', bound: overlapMs },
  async provoke(mesh, serial) {
    const outsider = await addOutsider(mesh, `gone-${serial}`);
    return observe(mesh, {
      begin: () => mesh.remove(outsider),
      isOver: async () => !(await isWarming(mesh.sidecar, outsiderCluster(outsider.metadata.name))),
    });
  },
};

const itsCluster: Wait = {
  figure: 'a host that does not resolve: until Envoy takes its cluster for warm',
  async provoke(mesh, serial) {
    const outsider = describeOutsider(`never-${serial}.invalid`);
    const cluster = outsiderCluster(outsider.metadata.name);
    const waited = await observe(mesh, {
      begin: () => mesh.put(outsider),
      isOver: () => hasCluster(mesh.sidecar, cluster),
      status: programmed(outsider),
    });
    await mesh.remove(outsider);
    return waited;
  },
};

const aSidecarThatStarts: Wait = {
  figure: 'beside it: a sidecar that starts, until it serves',
  async provoke(mesh, serial) {
    const outsider = await addOutsider(mesh, `there-${serial}`);
    const ms = await mesh.restartSidecar('agent');
    await mesh.remove(outsider);
    return { ms, said: '' };
  },
};

const aRouteToItFromAnotherEnvoy: Wait = {
  ...{ figure: 'the same on an Envoy that asks for a minute: its route', bound: warmMs },
  async provoke(mesh, serial) {
    await mesh.restartSidecar('envoy');
    const waited = await routeToOutsider(mesh, `elsewhere-${serial}`);
    await mesh.restartSidecar('agent');
    return waited;
  },
};

/** Those of a list wait side by side. */
export const nameWaits: readonly (readonly Wait[])[] = [
  [itsCluster],
  [aSidecarThatStarts],
  [aRouteToIt],
  [theNextClusters],
  [itIsTakenBack],
  [aRouteToItFromAnotherEnvoy],
];
