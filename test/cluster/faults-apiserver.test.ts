import { expect } from 'chai';
import { forgetHistory, resumeWatch, untilMeshReady, withoutValidation } from '#test/support/faults.ts';
import { underLoad } from '#test/support/load.ts';
import { type Mesh, useMesh } from '#test/support/mesh.ts';
import { listRestarts, readPod, signalContainer } from '#test/support/pods.ts';
import {
  openHost,
  readResource,
  steerDetails,
  untilOpened,
  untilProgrammed,
  untilSteered,
} from '#test/support/steering.ts';

const host = 'apiserver.faults.example';

describe('a mesh whose API server fails', () => {
  let mesh: Mesh;

  before(async function installOnce() {
    this.timeout(300_000);
    mesh = await useMesh();
  });
  afterEach(async () => {
    const names = ['faults-details', 'faults-ingress'];
    await mesh.cluster.kubectl(['delete', 'virtualservice', '-n', mesh.namespace, '--ignore-not-found', ...names]);
  });

  it('loses no request while the API server is killed and comes back, and then follows changes again', async function () {
    this.timeout(120_000);
    await mesh.cluster.apply([steerDetails('before'), openHost(host, 'details')], mesh.namespace);
    await untilSteered(mesh, 'before');
    await untilOpened(mesh, host, 'details');
    const restarts = await listRestarts(mesh);

    const outcome = await underLoad(mesh, async () => {
      await mesh.cluster.restart('kube-apiserver');
      await mesh.cluster.apply([steerDetails('after'), openHost(host, 'ratings')], mesh.namespace);
      await untilSteered(mesh, 'after');
      await untilSteered(mesh, 'before', false);
      await untilOpened(mesh, host, 'ratings');
    });

    expect(outcome.failures, outcome.failures.slice(0, 8).join('\n')).to.have.length(0);
    // The status writer and both leases came through too.
    await untilProgrammed(mesh, 'faults-details');
    await untilProgrammed(mesh, 'faults-ingress');
    await untilMeshReady(mesh);
    expect(await listRestarts(mesh), 'nothing restarted').to.deep.equal(restarts);
  });

  it('catches up on what changed while istiod could not watch and the API server forgot the history', async function () {
    this.timeout(120_000);
    await mesh.cluster.apply([steerDetails('before'), openHost(host, 'details')], mesh.namespace);
    await untilSteered(mesh, 'before');
    await untilOpened(mesh, host, 'details');
    const istiod = await readPod(mesh, 'istio-system', 'app=istiod');

    const outcome = await underLoad(mesh, async () => {
      // A stopped istiod cannot validate either.
      await withoutValidation(mesh, async () => {
        const seen = (await readResource(mesh, 'virtualservice', 'faults-details')).metadata.resourceVersion;
        await signalContainer(istiod, 'discovery', 'node', 'SIGSTOP');
        try {
          await mesh.cluster.apply([steerDetails('meanwhile')], mesh.namespace);
          await mesh.cluster.kubectl(['delete', 'virtualservice', 'faults-ingress', '-n', mesh.namespace]);
          await forgetHistory(mesh);
          expect(JSON.parse(await resumeWatch(mesh, seen)), 'istiod cannot resume').to.have.nested.property(
            'object.code',
            410,
          );
        } finally {
          await signalContainer(istiod, 'discovery', 'node', 'SIGCONT');
        }
        await untilSteered(mesh, 'meanwhile');
        await untilSteered(mesh, 'before', false);
        await untilOpened(mesh, host, undefined);
      });
    });

    expect(outcome.failures, outcome.failures.slice(0, 8).join('\n')).to.have.length(0);
    await untilProgrammed(mesh, 'faults-details');
  });
});
