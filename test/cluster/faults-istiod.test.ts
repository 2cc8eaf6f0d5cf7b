import { expect } from 'chai';
import { eventually } from '#test/support/cluster.ts';
import { untilMeshReady } from '#test/support/faults.ts';
import { underLoad } from '#test/support/load.ts';
import { type Mesh, useMesh } from '#test/support/mesh.ts';
import { type RunningPod, readContainer, readPod, signalContainer, untilReady } from '#test/support/pods.ts';
import { openHost, steerDetails, untilOpened, untilProgrammed, untilSteered } from '#test/support/steering.ts';

const host = 'istiod.faults.example';
const istiod = 'app=istiod';

describe('a mesh whose istiod ends', () => {
  let mesh: Mesh;

  before(async function installOnce() {
    this.timeout(300_000);
    mesh = await useMesh();
  });
  afterEach(async () => {
    const names = ['faults-details', 'faults-ingress'];
    await mesh.cluster.kubectl(['delete', 'virtualservice', '-n', mesh.namespace, '--ignore-not-found', ...names]);
  });

  const endings: readonly [what: string, end: () => Promise<void>][] = [
    [
      'its pod is deleted',
      async () => {
        const old = await readPod(mesh, 'istio-system', istiod);
        await mesh.cluster.kubectl(['delete', 'pod', '-n', 'istio-system', old.metadata.name]);
        await untilReady(mesh, 'istio-system', istiod, ({ metadata }) => metadata.uid !== old.metadata.uid);
      },
    ],
    [
      'its process is killed',
      async () => {
        const old = await readPod(mesh, 'istio-system', istiod);
        await signalContainer(old, 'discovery', 'node', 'SIGKILL');
        await untilReady(mesh, 'istio-system', istiod, (pod) => restarts(pod) > restarts(old));
      },
    ],
  ];

  for (const [what, end] of endings) {
    it(`loses no request when ${what}; then later changes, status and new pods follow`, async function () {
      this.timeout(120_000);
      await mesh.cluster.apply([steerDetails('before'), openHost(host, 'details')], mesh.namespace);
      await untilSteered(mesh, 'before');
      await untilOpened(mesh, host, 'details');

      const outcome = await underLoad(mesh, async () => {
        await end();
        // Both proxies that decide here have found the new istiod.
        await applyWhenAdmitted(mesh, [steerDetails('after'), openHost(host, 'ratings')]);
        await untilSteered(mesh, 'after');
        await untilOpened(mesh, host, 'ratings');
      });

      expect(outcome.failures, outcome.failures.slice(0, 8).join('\n')).to.have.length(0);
      // Written by the lease holder: there is one again.
      await untilProgrammed(mesh, 'faults-details');
      await untilProgrammed(mesh, 'faults-ingress');
      await untilMeshReady(mesh);
      await expectInjection(mesh);
    });
  }
});

function restarts(pod: RunningPod): number {
  return readContainer(pod, 'discovery')?.restartCount ?? 0;
}

/** A ready pod takes a moment to be reachable through its Service; until then the API server refuses, as it must. */
async function applyWhenAdmitted(mesh: Mesh, objects: readonly object[]): Promise<void> {
  await eventually('istiod admits changes', async () => {
    try {
      await mesh.cluster.apply(objects, mesh.namespace);
      return true;
    } catch (error) {
      if (error instanceof Error && error.message.includes('failed calling webhook')) return undefined;
      throw error;
    }
  });
}

/** A pod made now gets a sidecar that obtains its certificate and becomes ready. */
async function expectInjection(mesh: Mesh): Promise<void> {
  const old = await readPod(mesh, mesh.namespace, 'app=ratings');
  await mesh.cluster.kubectl(['delete', 'pod', '-n', mesh.namespace, old.metadata.name]);
  const pod = await untilReady(
    mesh,
    mesh.namespace,
    'app=ratings',
    ({ metadata }) => metadata.uid !== old.metadata.uid,
  );
  expect(pod.spec.initContainers?.map(({ name }) => name)).to.include.members(['istio-init', 'istio-proxy']);
}
