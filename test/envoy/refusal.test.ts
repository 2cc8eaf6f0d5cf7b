import { expect } from 'chai';
import { eventually } from '#test/support/eventually.ts';
import { MeshUnderLoad } from '#test/support/meshload.ts';

const route = (name: string, http: object) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: shop}
spec: {hosts: [${name}], http: [${JSON.stringify(http)}]}
---`;

const strict = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---`;

const route9080 = (host: string) => [{ destination: { host, port: { number: 9080 } } }];

describe('a configuration that Envoy refuses, under load', () => {
  let world: MeshUnderLoad;

  before(async function () {
    this.timeout(60_000);
    world = await MeshUnderLoad.start();
    for (const name of ['reviews', 'ratings', 'details']) {
      const deployment = world.plan({ name, port: 9080, protocol: 'http' });
      const pods = [deployment.plan('v1')];
      await world.run(deployment, pods);
      deployment.create(pods);
      await world.load.inside.aim(world.targetOf(deployment));
    }
    await world.startProxies();
    await world.load.inside.start(10);
  });

  after(async () => {
    await world?.stop();
  });

  const condition = (kind: string, name: string) => world.mesh.condition(kind, 'shop', name, 'Programmed');
  const becomes = (kind: string, name: string, expected: object) =>
    eventually(
      () => condition(kind, name),
      (found) => expect(found).to.include(expected),
    );

  it('is named by its YAML in Envoy’s own words, and everything else that came with it is in force', async () => {
    // Both pass our own checks: the one is too big for Envoy's regex engine, the other names a command it does not know.
    const tooBig = { match: [{ uri: { regex: '(\\pL{1,900})'.repeat(30) } }], route: route9080('ratings') };
    const unknown = { headers: { request: { set: { x: '%NOSUCHCOMMAND%' } } }, route: route9080('details') };
    world.apply(
      [
        route('ratings', tooBig),
        route('details', unknown),
        route('reviews', { route: route9080('reviews') }),
        strict,
      ].join('\n'),
    );
    await becomes('VirtualService', 'ratings', { status: 'False', reason: 'EnvoyRejected' });
    await becomes('VirtualService', 'details', { status: 'False', reason: 'EnvoyRejected' });
    await becomes('VirtualService', 'reviews', { status: 'True', reason: 'Programmed' });
    await becomes('PeerAuthentication', 'default', { status: 'True', reason: 'Programmed' });
    await eventually(
      () => [condition('VirtualService', 'ratings')?.message, condition('VirtualService', 'details')?.message],
      ([ratings, details]) => {
        expect(ratings).to.match(/^client-0\.shop refused it: .*RE2 program size/);
        expect(details).to.match(/^client-0\.shop refused it: .*NOSUCHCOMMAND/);
      },
    );
    // What was in force before goes on, and what is corrected is taken.
    expect(world.failures).to.deep.equal([]);
    world.apply(route('ratings', { route: route9080('ratings') }));
    await becomes('VirtualService', 'ratings', { status: 'True', reason: 'Programmed' });
    await becomes('VirtualService', 'details', { status: 'False', reason: 'EnvoyRejected' });
    world.apply(route('details', { route: route9080('details') }));
    await becomes('VirtualService', 'details', { status: 'True', reason: 'Programmed' });
    await world.mesh.converged();
    expect(world.failures).to.deep.equal([]);
  });
});
