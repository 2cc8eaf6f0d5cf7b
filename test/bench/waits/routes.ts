/** Routes that wait for clusters, and clusters that wait for routes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCluster, routesTo } from './envoy.ts';
import type { WaitingMesh } from './mesh.ts';
import { clusterOf, type Described, describeRoutes, describeRule } from './objects.ts';
import { observe, until, type Wait } from './observe.ts';

const warmMs = 5_000;
const missingMs = 10_000;
/** So much later the other one comes. */
const laterMs = 2_000;

const programmed = (of: Described) => ({ of, type: 'Programmed' });

/** Whatever was under way for these is in force. */
async function settle(mesh: WaitingMesh, host: string, subset: string): Promise<void> {
  await mesh.put(describeRule(host, { [subset]: 'v1' }));
  await mesh.put(describeRoutes(host, { host, subset }));
  await until(() => routesTo(mesh.sidecar, clusterOf(host, subset)));
}

const aSubsetThatNeverComes: Wait = {
  ...{ figure: 'a subset that never comes: its route', bound: missingMs },
  async provoke(mesh, serial) {
    const [host, subset] = ['details', `never-${serial}`];
    const routes = describeRoutes(host, { host, subset });
    const waited = await observe(mesh, {
      begin: () => mesh.put(routes),
      isOver: () => routesTo(mesh.sidecar, clusterOf(host, subset)),
      status: programmed(routes),
    });
    await mesh.put(describeRoutes(host, { host }));
    return waited;
  },
};

const aRouteThatIsEdited: Wait = {
  ...{ figure: 'the same, edited each second', bound: missingMs },
  async provoke(mesh, serial) {
    const [host, subset] = ['quotes', `never-${serial}`];
    const routes = (serial: number) => describeRoutes(host, { host, subset }, { serial });
    let isOver = false;
    const edit = async () => {
      for (let serial = 1; !isOver; serial += 1) {
        await mesh.put(routes(serial));
        await sleep(1_000);
      }
    };
    let editing: Promise<void> | undefined;
    const waited = await observe(mesh, {
      async begin() {
        await mesh.put(routes(0));
        editing = edit();
      },
      isOver: () => routesTo(mesh.sidecar, clusterOf(host, subset)),
      status: programmed(routes(0)),
    });
    isOver = true;
    await editing;
    await mesh.put(describeRoutes(host, { host }));
    return waited;
  },
};

const aRouteBeforeItsSubset: Wait = {
  ...{ figure: 'a VirtualService 2 s before its DestinationRule', bound: missingMs },
  async provoke(mesh, serial) {
    const [host, subset] = ['orders', `early-${serial}`];
    await settle(mesh, host, `before-${serial}`);
    const routes = describeRoutes(host, { host, subset });
    return observe(mesh, {
      async begin() {
        await mesh.put(routes);
        void sleep(laterMs).then(() => mesh.put(describeRule(host, { [subset]: 'v2' })));
      },
      isOver: () => routesTo(mesh.sidecar, clusterOf(host, subset)),
      status: programmed(routes),
    });
  },
};

const aSubsetBeforeItsRoute: Wait = {
  ...{ figure: 'a DestinationRule 2 s before its VirtualService: from the latter on', bound: warmMs },
  async provoke(mesh, serial) {
    const [host, before, after] = ['stock', `before-${serial}`, `after-${serial}`];
    await settle(mesh, host, before);
    await mesh.put(describeRule(host, { [after]: 'v2' }));
    await sleep(laterMs);
    const routes = describeRoutes(host, { host, subset: after });
    return observe(mesh, {
      begin: () => mesh.put(routes),
      isOver: () => routesTo(mesh.sidecar, clusterOf(host, after)),
      status: programmed(routes),
    });
  },
};

const aSubsetThatGoesFirst: Wait = {
  ...{ figure: 'a DestinationRule that goes before its VirtualService: the cluster', bound: missingMs },
  async provoke(mesh, serial) {
    const [host, subset] = ['prices', `leaving-${serial}`];
    await settle(mesh, host, subset);
    return observe(mesh, {
      begin: () => mesh.remove(describeRule(host, {})),
      isOver: async () => !(await hasCluster(mesh.sidecar, clusterOf(host, subset))),
      status: { of: describeRoutes(host, { host }), type: 'ResolvedRefs' },
    });
  },
};

/** Those of a list wait side by side. */
export const routeWaits: readonly (readonly Wait[])[] = [
  [aSubsetBeforeItsRoute],
  [aRouteBeforeItsSubset],
  [aSubsetThatNeverComes, aRouteThatIsEdited, aSubsetThatGoesFirst],
];

/** Services with pods of two versions that these and names need. */
export const routedHosts = ['reviews', 'ratings', 'details', 'quotes', 'orders', 'stock', 'prices'];
