import { expect } from 'chai';
import fc from 'fast-check';
import { MeshChanges, meshChange } from '#test/support/meshchanges.ts';
import { MeshUnderLoad } from '#test/support/meshload.ts';

/** Another sequence: set LATEEN_SEED. */
const seed = Number(process.env.LATEEN_SEED ?? 1);
const CHANGES = 200;
const INTERVAL_MS = 10;

describe('a mesh under constant load', () => {
  let world: MeshUnderLoad;

  before(async function () {
    this.timeout(60_000);
    world = await MeshUnderLoad.start();
  });

  after(async () => {
    await world?.stop();
  });

  it(`loses no request while routes, subsets, services and pods change ${CHANGES} times (seed ${seed})`, async function () {
    this.timeout(300_000);
    const { mesh, load } = world;
    const reviews = world.plan({ name: 'reviews', port: 9080, protocol: 'http' });
    const pods = ['v1', 'v1', 'v2', 'v2'].map((version) => reviews.plan(version));
    await world.run(reviews, pods);
    reviews.create(pods);
    // What a retry would mend counts as a failure.
    mesh.pipeline.objects.applyMeshConfig({ defaultHttpRetryPolicy: { attempts: 0 } });
    const changes = new MeshChanges(world, reviews);
    changes.start();
    await world.startProxies();
    const detours = Array.from({ length: CHANGES * 3 }, (_, at) => `detour-${at}`);
    await load.inside.aim(world.targetOf(reviews, ['reviews', ...detours]));
    await load.outside.aim(world.gatewayTarget(['reviews', ...detours]));
    await Promise.all([load.inside.start(INTERVAL_MS), load.outside.start(INTERVAL_MS)]);
    const sequence = fc.sample(meshChange, { numRuns: CHANGES, seed });
    for (const [at, change] of sequence.entries()) {
      await changes.perform(change);
      expect(world.failures, `failures after change ${at}, ${JSON.stringify(change)}`).to.deep.equal([]);
    }
    await mesh.converged();
    await world.retired();
    const [inside, outside] = await Promise.all([load.inside.stop(), load.outside.stop()]);
    expect(world.failures).to.deep.equal([]);
    expect(inside.reviews).to.be.greaterThan(CHANGES);
    expect(outside.gateway).to.be.greaterThan(CHANGES);
    expect(mesh.rejections).to.deep.equal([]);
    expect(mesh.pipeline.faults).to.deep.equal([]);
  });
});
