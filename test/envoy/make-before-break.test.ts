import { expect } from 'chai';
import fc from 'fast-check';
import type { DeployedPod } from '#test/support/deployment.ts';
import { MeshChanges, meshChange } from '#test/support/meshchanges.ts';
import { MeshUnderLoad } from '#test/support/meshload.ts';
import { askFrom } from '#test/support/redirected.ts';

/** Another sequence: set LATEEN_SEED. */
const seed = Number(process.env.LATEEN_SEED ?? 1);
const INTERVAL_MS = 10;

/** What passes is mutual TLS, or a proxy in front of a pod refuses it. */
const strict = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---`;

const variants = [
  { pods: 'without sidecars', sidecars: false, changes: 200 },
  { pods: 'with sidecars of their own, over mutual TLS', sidecars: true, changes: 60 },
] as const;

describe('a mesh under constant load', () => {
  for (const { pods: title, sidecars, changes: count } of variants) {
    describe(`to pods ${title}`, () => {
      let world: MeshUnderLoad;

      before(async function () {
        this.timeout(60_000);
        world = await MeshUnderLoad.start();
      });

      after(async () => {
        await world?.stop();
      });

      /** What a client without a certificate is answered by each pod; 0 is nothing. */
      const askPlainly = (pods: readonly DeployedPod[]) =>
        Promise.all(pods.map(async ({ ip }) => (await askFrom(world.network, 'peer', `http://${ip}:9080/`)).status));

      it(`loses no request while routes, subsets, services and pods change ${count} times (seed ${seed})`, async function () {
        this.timeout(300_000);
        const { mesh, load } = world;
        const reviews = world.plan({ name: 'reviews', port: 9080, protocol: 'http', sidecars });
        const pods = ['v1', 'v1', 'v2', 'v2'].map((version) => reviews.plan(version));
        await world.deploy(reviews, pods);
        // What a retry would mend counts as a failure.
        mesh.pipeline.objects.applyMeshConfig({ defaultHttpRetryPolicy: { attempts: 0 } });
        if (sidecars) {
          expect(await askPlainly(reviews.pods)).to.deep.equal(pods.map(() => 200));
          world.apply(strict);
        }
        const changes = new MeshChanges(world, reviews);
        changes.start();
        await world.startProxies();
        const detours = Array.from({ length: count * 3 }, (_, at) => `detour-${at}`);
        await load.inside.aim(world.targetOf(reviews, ['reviews', ...detours]));
        await load.outside.aim(world.gatewayTarget(['reviews', ...detours]));
        await Promise.all([load.inside.start(INTERVAL_MS), load.outside.start(INTERVAL_MS)]);
        const sequence = fc.sample(meshChange, { numRuns: count, seed });
        for (const [at, change] of sequence.entries()) {
          await changes.perform(change);
          expect(world.failures, `failures after change ${at}, ${JSON.stringify(change)}`).to.deep.equal([]);
        }
        await mesh.converged();
        await world.retired();
        const [inside, outside] = await Promise.all([load.inside.stop(), load.outside.stop()]);
        expect(world.failures).to.deep.equal([]);
        expect(inside.asked.reviews).to.be.greaterThan(count);
        expect(outside.asked.gateway).to.be.greaterThan(count);
        for (const [side, { repeated }] of [['inside', inside] as const, ['outside', outside] as const]) {
          const most = await world.mostRepeats(side);
          process.stderr.write(`      load ${side}: ${repeated} of at most ${most} requests repeated\n`);
          expect(repeated, `repeated ${side}`).to.be.at.most(most);
        }
        expect(mesh.rejections).to.deep.equal([]);
        expect(mesh.pipeline.faults).to.deep.equal([]);
        if (sidecars) {
          expect(world.ended).to.be.greaterThan(count / 4);
          expect(await askPlainly(reviews.pods)).to.deep.equal(reviews.pods.map(() => 0));
        }
      });
    });
  }
});
