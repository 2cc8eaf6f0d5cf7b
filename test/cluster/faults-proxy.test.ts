import { expect } from 'chai';
import { eventually } from '#test/support/cluster.ts';
import { underLoad, untilAllAnswer } from '#test/support/load.ts';
import { type Mesh, useMesh } from '#test/support/mesh.ts';
import { findInContainer, listRestarts, readContainer, readPod, signalContainer } from '#test/support/pods.ts';
import { steerDetails, untilProgrammed, untilSteered } from '#test/support/steering.ts';

const selector = 'app=details';
const proxy = 'istio-proxy';

describe('a mesh in which one sidecar fails', () => {
  let mesh: Mesh;

  before(async function installOnce() {
    this.timeout(300_000);
    mesh = await useMesh();
  });
  afterEach(async () => {
    const name = 'faults-details';
    await mesh.cluster.kubectl(['delete', 'virtualservice', '-n', mesh.namespace, '--ignore-not-found', name]);
  });

  it('recovers when an agent is killed, and only its own pod notices', async function () {
    this.timeout(120_000);
    const before = await readPod(mesh, mesh.namespace, selector);
    const others = await listOthers(mesh);

    const recovery = await measureRecovery(mesh, () => signalContainer(before, proxy, 'node', 'SIGKILL'));

    const after = await eventually('the sidecar was started again', async () => {
      const pod = await readPod(mesh, mesh.namespace, selector);
      const isBack = readContainer(pod, proxy)?.restartCount === (readContainer(before, proxy)?.restartCount ?? 0) + 1;
      return isBack ? pod : undefined;
    });
    expect(after.metadata.uid, 'the pod stays').to.equal(before.metadata.uid);
    expect(readContainer(after, 'details')?.restartCount, 'the application stays').to.equal(
      readContainer(before, 'details')?.restartCount,
    );
    expect(await listOthers(mesh), 'other pods stay').to.deep.equal(others);
    print('killed agent', recovery);
  });

  for (const signal of ['SIGKILL', 'SIGSEGV'] as const) {
    it(`recovers when an Envoy ends by ${signal}: its agent starts another`, async function () {
      this.timeout(120_000);
      const pod = await readPod(mesh, mesh.namespace, selector);
      const restarts = await listRestarts(mesh);
      const before = await findInContainer(pod, proxy, 'envoy');
      expect(before).to.have.length(1);

      const recovery = await measureRecovery(mesh, () => signalContainer(pod, proxy, 'envoy', signal));

      const after = await findInContainer(pod, proxy, 'envoy');
      expect(after).to.have.length(1);
      expect(after).not.to.deep.equal(before);
      expect(await listRestarts(mesh), 'no container restarted').to.deep.equal(restarts);
      print(`Envoy ended by ${signal}`, recovery);
    });
  }

  it('recovers when the Envoy that calls ends; the new one has the newest routes', async function () {
    this.timeout(120_000);
    await mesh.cluster.apply([steerDetails('before')], mesh.namespace);
    await untilSteered(mesh, 'before');
    const pod = await readPod(mesh, mesh.namespace, 'app=productpage');
    await signalContainer(pod, proxy, 'envoy', 'SIGKILL');
    await untilAllAnswer(mesh);
    await untilSteered(mesh, 'before');
    await mesh.cluster.apply([steerDetails('after')], mesh.namespace);
    await untilSteered(mesh, 'after');
    await untilProgrammed(mesh, 'faults-details');
  });

  it('recovers when the Envoy of the ingress gateway ends', async function () {
    this.timeout(120_000);
    const gateway = await readPod(mesh, 'istio-system', 'istio=ingressgateway');
    const startedAt = performance.now();
    await signalContainer(gateway, proxy, 'envoy', 'SIGKILL');
    await untilAllAnswer(mesh);
    process.stderr.write(`      ingress gateway's Envoy: all answered after ${elapsed(startedAt)} ms\n`);
  });
});

interface Recovery {
  readonly milliseconds: number;
  readonly failed: number;
}

/**
 * Breaks the sidecar of `details` and waits until it answers again. Meanwhile requests for `details` may fail, its only
 * pod being cut off; none for anybody else may.
 */
async function measureRecovery(mesh: Mesh, fault: () => Promise<void>): Promise<Recovery> {
  let milliseconds = 0;
  const outcome = await underLoad(mesh, async () => {
    const startedAt = performance.now();
    await fault();
    await untilAllAnswer(mesh, ['details']);
    milliseconds = elapsed(startedAt);
  });
  const foreign = outcome.failures.filter((failure) => !failure.startsWith('details '));
  expect(foreign, foreign.slice(0, 8).join('\n')).to.have.length(0);
  return { milliseconds, failed: outcome.failures.length };
}

async function listOthers(mesh: Mesh): Promise<readonly string[]> {
  return (await listRestarts(mesh)).filter((line) => !line.includes('/details-'));
}

function elapsed(startedAt: number): number {
  return Math.round(performance.now() - startedAt);
}

function print(what: string, { milliseconds, failed }: Recovery): void {
  process.stderr.write(`      ${what}: answers again after ${milliseconds} ms, ${failed} requests to it failed\n`);
}
