/** Services that come in two halves, and what went while its proxy was away. */
import { hasCluster, hasEndpoint } from './envoy.ts';
import type { WaitingMesh } from './mesh.ts';
import { clusterOf, describePods, describeService, describeSlice, type ServiceShape } from './objects.ts';
import { observe, until, type Wait, type Waited } from './observe.ts';

const partialMs = 50;
const warmMs = 5_000;
/** These take milliseconds. */
const times = 10;

/** Until the sidecar has the cluster of a Service that comes alone. */
async function addService(mesh: WaitingMesh, shape: ServiceShape): Promise<Waited> {
  const service = describeService(shape);
  const waited = await observe(mesh, {
    begin: () => mesh.put(service),
    isOver: () => hasCluster(mesh.sidecar, clusterOf(shape.name)),
  });
  await mesh.remove(service);
  await until(async () => !(await hasCluster(mesh.sidecar, clusterOf(shape.name))));
  return waited;
}

/** Until the sidecar has no endpoint of a Service any more whose slice goes, or says nothing of it any more. */
async function takeEndpoints(mesh: WaitingMesh, name: string, how: 'goes' | 'is empty'): Promise<Waited> {
  const pods = { v1: '10.97.4.1' };
  const slice = describeSlice({ name }, pods);
  const service = describeService({ name });
  for (const object of [...describePods(name, pods), service, slice]) await mesh.put(object);
  await until(() => hasEndpoint(mesh.sidecar, clusterOf(name), pods.v1));
  const waited = await observe(mesh, {
    begin: () => (how === 'goes' ? mesh.remove(slice) : mesh.put(describeSlice({ name }, {}))),
    isOver: async () => !(await hasEndpoint(mesh.sidecar, clusterOf(name), pods.v1)),
  });
  if (how === 'is empty') await mesh.remove(slice);
  await mesh.remove(service);
  for (const pod of describePods(name, pods)) await mesh.remove(pod);
  return waited;
}

const aServiceThatSelectsNobody: Wait = {
  ...{ figure: 'a Service that selects nobody: its cluster', times },
  provoke: (mesh, serial) => addService(mesh, { name: `manual-${serial}`, unselective: true }),
};
const aServiceWithoutEndpoints: Wait = {
  ...{ figure: 'a Service whose endpoints do not come: its cluster, beyond that', bound: partialMs },
  ...{ beyond: aServiceThatSelectsNobody, times },
  provoke: (mesh, serial) => addService(mesh, { name: `lonely-${serial}` }),
};
const aSliceThatIsEmptied: Wait = {
  ...{ figure: 'a slice that is emptied: its endpoint', times },
  provoke: (mesh, serial) => takeEndpoints(mesh, `emptied-${serial}`, 'is empty'),
};
const aSliceWithoutItsService: Wait = {
  ...{ figure: 'a slice that goes while its Service stays: its endpoint, beyond that', bound: partialMs },
  ...{ beyond: aSliceThatIsEmptied, times },
  provoke: (mesh, serial) => takeEndpoints(mesh, `bereft-${serial}`, 'goes'),
};

const aClusterThatWentMeanwhile: Wait = {
  ...{
    figure: 'a Service that went while its proxy was away: its cluster, from the return on',
    bound: warmMs,
  },
  async provoke(mesh, serial) {
    const service = describeService({ name: `brief-${serial}` });
    const cluster = clusterOf(service.metadata.name);
    await mesh.put(service);
    await until(() => hasCluster(mesh.sidecar, cluster));
    const mend = mesh.sidecar.path.interrupt();
    await mesh.remove(service);
    const { path } = mesh.sidecar;
    const before = path.connectedAt;
    mend();
    await until(() => path.connectedAt > before);
    const ended = await until(async () => !(await hasCluster(mesh.sidecar, cluster)));
    return { ms: ended - path.connectedAt, said: '' };
  },
};

/** Those of a list wait side by side. */
export const serviceWaits: readonly (readonly Wait[])[] = [
  [aServiceThatSelectsNobody],
  [aServiceWithoutEndpoints],
  [aSliceThatIsEmptied],
  [aSliceWithoutItsService],
  [aClusterThatWentMeanwhile],
];
