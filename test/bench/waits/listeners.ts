/** Listeners that wait: for a secret, for others to take their place, and for their connections to end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { mintKeyPair } from '#test/support/keypair.ts';
import { hasCluster, hasListener } from './envoy.ts';
import type { WaitingMesh } from './mesh.ts';
import {
  clusterOf,
  describeGateway,
  describeOutsider,
  describePods,
  describeRule,
  describeSecret,
  describeService,
  describeSlice,
  describeTcpRoutes,
  type ServiceShape,
} from './objects.ts';
import { observe, until, type Wait, type Waited } from './observe.ts';
import { drainSeconds } from './proxy.ts';

const warmMs = 5_000;
const secretMs = 10_000;
const laterMs = 2_000;

/** Whether the gateway has the server of this name. */
const serves = (mesh: WaitingMesh, name: string) =>
  hasListener(mesh.gateway, (_, content) => content.includes(`"${name}.example.com"`));

/** Gateway with a server whose Secret there is already, and one whose Secret is not. */
async function addServer(mesh: WaitingMesh, name: string, secretAfterMs?: number): Promise<Waited> {
  const gateway = describeGateway(['present', name]);
  const secret = describeSecret(name, mintKeyPair());
  await mesh.put(describeGateway(['present']));
  await until(() => serves(mesh, 'present'));
  return observe(mesh, {
    async begin() {
      await mesh.put(gateway);
      if (secretAfterMs !== undefined) void sleep(secretAfterMs).then(() => mesh.put(secret));
    },
    isOver: () => serves(mesh, name),
    status: { of: gateway, type: 'ResolvedRefs' },
  });
}

const aSecretThatIsMissing: Wait = {
  ...{ figure: 'a secret that is missing: the listener', bound: secretMs },
  provoke: (mesh, serial) => addServer(mesh, `absent-${serial}`),
};

const aSecretThatIsLate: Wait = {
  ...{ figure: 'a Gateway 2 s before its Secret', bound: secretMs },
  provoke: (mesh, serial) => addServer(mesh, `late-${serial}`, laterMs),
};

const aPortThatChangesItsProtocol: Wait = {
  ...{ figure: 'a listener whose place one takes that has to wait', bound: warmMs },
  async provoke(mesh, serial) {
    const http: ServiceShape = { name: `shift-${serial}`, port: 7200 + serial, protocol: 'http' };
    const tcp: ServiceShape = { ...http, protocol: 'tcp' };
    const pods = { v1: `10.97.3.${serial}` };
    for (const object of [...describePods(http.name, pods), describeService(http), describeSlice(http, pods)])
      await mesh.put(object);
    const old = `0.0.0.0_${http.port}`;
    const has = (wanted: string) => hasListener(mesh.sidecar, (name) => name === wanted);
    await until(() => has(old));
    const outsider = describeOutsider(`lost-${serial}.invalid`);
    const routes = describeTcpRoutes(http.name, { host: outsider.metadata.name, port: 9080 });
    await mesh.put(outsider);
    await mesh.put(routes);
    const waited = await observe(mesh, {
      begin: () => mesh.put(describeService(tcp)),
      isOver: async () => !(await has(old)),
      status: { of: routes, type: 'Programmed' },
    });
    await mesh.remove(routes);
    await mesh.remove(outsider);
    return waited;
  },
};

/** A connection through a listener that is replaced, and the cluster that it goes to. */
async function replaceUnderConnection(mesh: WaitingMesh, serial: number) {
  const ledger: ServiceShape = { name: `ledger-${serial}`, port: 7100, protocol: 'tcp' };
  const { name } = ledger;
  const pods = { v1: `10.97.1.${serial}`, v2: `10.97.2.${serial}` };
  const leadTo = async (subset: string) => {
    await mesh.put(describeRule(name, { [subset]: subset }));
    await mesh.put(describeTcpRoutes(name, { host: name, subset }));
  };
  const isLedTo = (subset: string) =>
    hasListener(mesh.sidecar, (_, content) => content.includes(clusterOf(name, subset, 7100)));
  for (const ip of Object.values(pods)) await mesh.run(name, ip, 7100);
  const service = describeService(ledger);
  for (const object of [...describePods(name, pods), service, describeSlice(ledger, pods)]) await mesh.put(object);
  await leadTo('v1');
  await until(() => isLedTo('v1'));
  const stream = mesh.connect(await mesh.addressOf(service), 7100);
  try {
    await until(() => stream.answers.length > 0);
    await leadTo('v2');
    await until(() => isLedTo('v2'));
    const status = { of: describeTcpRoutes(name, { host: name }), type: 'Programmed' };
    const begin = async () => undefined;
    return await Promise.all([
      observe(mesh, { begin, isOver: () => stream.closed !== undefined, status }),
      observe(mesh, {
        begin,
        status,
        isOver: async () => !(await hasCluster(mesh.sidecar, clusterOf(name, 'v1', 7100))),
      }),
    ]);
  } finally {
    await stream.end();
  }
}

/** One time of both is observed together. */
function drainWaits(): readonly Wait[] {
  const running = new Map<number, ReturnType<typeof replaceUnderConnection>>();
  const once = (mesh: WaitingMesh, serial: number) => {
    const observed = running.get(serial) ?? replaceUnderConnection(mesh, serial);
    running.set(serial, observed);
    return observed;
  };
  const bound = drainSeconds * 1_000;
  return [
    {
      ...{ figure: 'a listener that was replaced: a connection through it', bound },
      provoke: async (mesh, serial) => (await once(mesh, serial))[0],
    },
    {
      ...{ figure: 'and the cluster that it named', bound },
      provoke: async (mesh, serial) => (await once(mesh, serial))[1],
    },
  ];
}

/** Those of a list wait side by side. */
export const listenerWaits: readonly (readonly Wait[])[] = [
  [aSecretThatIsMissing],
  [aSecretThatIsLate],
  [aPortThatChangesItsProtocol],
  drainWaits(),
];
