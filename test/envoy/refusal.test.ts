import { expect } from 'chai';
import { eventually } from '#test/support/eventually.ts';
import { mintWeakKeyPair } from '#test/support/keypair.ts';
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

  it('is named by the Gateway that refers to a Secret, where Envoy refuses that', async () => {
    const { authority, pipeline } = world.mesh;
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const secret = (name: string, chain: readonly string[], key: string) => ({
      ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name, namespace: 'istio-system' } },
      data: { 'tls.crt': base64(chain.join('')), 'tls.key': base64(key) },
    });
    const gateway = (name: string) => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
    - port: {number: 443, name: https-${name}, protocol: HTTPS}
      hosts: [${name}.example.com]
      tls: {mode: SIMPLE, credentialName: ${name}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: shop}
spec: {hosts: [${name}.example.com], gateways: [${name}], http: [${JSON.stringify({ route: route9080('reviews') })}]}
---`;
    const [sound, right, other] = ['sound', 'broken', 'other'].map((name) =>
      authority.issueServer([`${name}.example.com`]),
    );
    if (sound === undefined || right === undefined || other === undefined) throw new Error('no certificates');
    const weak = mintWeakKeyPair();
    pipeline.objects.apply([
      secret('sound', sound.chain, sound.privateKey),
      secret('broken', right.chain, right.privateKey),
    ]);
    world.apply(gateway('sound') + gateway('broken'));
    for (const name of ['sound', 'broken']) await becomes('Gateway', name, { status: 'True', reason: 'Programmed' });
    await eventually(
      () => world.gateway?.admin('/certs'),
      (certs) => expect(certs).to.contain('broken.example.com'),
    );
    // A certificate and its key, which is too short.
    pipeline.objects.apply([secret('broken', [weak.certificate], weak.key)]);
    await becomes('Gateway', 'broken', { status: 'False', reason: 'EnvoyRejected' });
    expect(condition('Gateway', 'broken')?.message).to.match(
      /^gateway-0\.istio-system refused it: Secret broken: .*2048-bit/,
    );
    for (const kind of ['Gateway', 'VirtualService'])
      await becomes(kind, 'sound', { status: 'True', reason: 'Programmed' });
    pipeline.objects.apply([secret('broken', right.chain, right.privateKey)]);
    await becomes('Gateway', 'broken', { status: 'True', reason: 'Programmed' });

    // A certificate and a key, but not of each other: no proxy is sent that, and what was valid goes on being served.
    const refs = (name: string) => world.mesh.condition('Gateway', 'shop', name, 'ResolvedRefs');
    const { rejections } = world.mesh;
    const refused = rejections.length;
    pipeline.objects.apply([secret('broken', other.chain, right.privateKey)]);
    pipeline.objects.apply([secret('late', other.chain, right.privateKey)]);
    world.apply(gateway('late'));
    await world.mesh.converged();
    const problem = 'tls.key is not the key of the certificate in tls.crt';
    for (const [name, consequence] of [
      ['broken', 'the last valid version stays in force'],
      ['late', 'it is not in force'],
    ] as const)
      expect(refs(name)).to.include({
        ...{ status: 'False', reason: 'InvalidRef' },
        message: `spec.servers[0].tls.credentialName: Secret ${name} in namespace istio-system: ${problem} (${consequence})`,
      });
    expect(rejections.slice(refused)).to.deep.equal([]);
    await eventually(
      () => world.gateway?.admin('/certs'),
      (certs) => expect(certs).to.contain('broken.example.com').and.not.contain('other.example.com'),
    );
    // A whole pair is taken, under both names.
    pipeline.objects.apply([
      secret('broken', other.chain, other.privateKey),
      secret('late', other.chain, other.privateKey),
    ]);
    for (const name of ['broken', 'late'])
      await eventually(
        () => refs(name),
        (found) => expect(found).to.include({ status: 'True', reason: 'ResolvedRefs' }),
      );
    await eventually(
      () => world.gateway?.admin('/certs'),
      (certs) => expect(certs).to.contain('other.example.com').and.not.contain('broken.example.com'),
    );
    expect(world.failures).to.deep.equal([]);
  });
});
