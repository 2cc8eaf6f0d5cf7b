/** What has to hold, for each way in which Istio's agent may talk to a control plane. */
import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { eventually } from '#test/support/eventually.ts';
import { istiodName } from '#test/support/istiod.ts';
import { askFrom } from '#test/support/redirected.ts';
import type { Answer } from '#test/support/upstream.ts';
import type { IstioAgent } from './istio-agent.ts';
import { client, namespace, ordersHost, strict, teapot } from './objects.ts';
import type { Report } from './report.ts';
import type { InteropWorld } from './world.ts';

interface Variant {
  readonly title: string;
  readonly proxyConfig: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
}

const dns = { ISTIO_META_DNS_CAPTURE: 'true' };

const variants: readonly Variant[] = [
  { title: 'delta, over mutual TLS', proxyConfig: {}, env: dns },
  { title: 'state of the world, over mutual TLS', proxyConfig: {}, env: { ...dns, ISTIO_DELTA_XDS: 'false' } },
  {
    title: 'delta, in plaintext',
    proxyConfig: { controlPlaneAuthPolicy: 'NONE', discoveryAddress: `${istiodName}:15010` },
    env: dns,
  },
];

const proxy = `${client.pod}.${namespace}`;

export async function checkAll(world: InteropWorld, report: Report): Promise<void> {
  report.title('redirection');
  await report.check('the rules of Istio’s agent are set', () => world.redirect());
  for (const variant of variants) {
    report.title(variant.title);
    const agent = await world.startAgent(variant);
    try {
      await checkVariant(world, agent, report);
    } finally {
      await world.stopAgent();
    }
  }
}

async function checkVariant(world: InteropWorld, agent: IstioAgent, report: Report): Promise<void> {
  const { network } = world;
  const ask = (path: string, from: 'pod' | 'peer' = 'pod') =>
    askFrom<Answer>(network, from, `http://${ordersHost}${path}`);
  const answered = (path: string, expected: object) =>
    eventually(
      () => ask(path),
      (answer) => expect(answer).to.include(expected),
    );

  await report.check('it gets ready', () => agent.untilReady());
  await report.check('a name that only the mesh knows is found, and its service asked through Envoy', async () => {
    const { headers } = await eventually(
      () => ask('/'),
      (answer) => expect(answer).to.include({ status: 200, name: 'blue' }),
    );
    expect(headers).to.include.keys('x-request-id');
  });
  await report.check('Envoy shows the certificate of the pod’s service account', async () => {
    const shown = await showCertificate(world);
    expect(shown.subjectAltName).to.equal(`URI:spiffe://cluster.local/ns/${namespace}/sa/${client.serviceAccount}`);
    expect(shown.verify(new X509Certificate(world.roots).publicKey)).to.equal(true);
  });
  await report.check('an endpoint changes', async () => {
    await world.serveOrders('green');
    await answered('/', { status: 200, name: 'green' });
    await world.serveOrders('blue');
    await answered('/', { status: 200, name: 'blue' });
  });
  await report.check('a VirtualService comes and goes', async () => {
    await world.apply(teapot);
    await answered('/teapot', { status: 418 });
    await world.remove(teapot);
    await answered('/teapot', { status: 200 });
  });
  await report.check('a PeerAuthentication comes and goes', async () => {
    const plain = () => askFrom<Answer>(network, 'peer', `http://${network.addresses.pod}:${client.port}/`);
    expect(await plain()).to.include({ status: 200, name: 'application' });
    await world.apply(strict);
    await eventually(plain, ({ status }) => expect(status).to.equal(0));
    await world.remove(strict);
    await eventually(plain, ({ status }) => expect(status).to.equal(200));
  });
  await report.check('another control plane takes over', async () => {
    await world.restartControlPlane();
    expect(await ask('/')).to.include({ status: 200, name: 'blue' });
    await world.apply(teapot);
    await answered('/teapot', { status: 418 });
    await world.remove(teapot);
    await answered('/teapot', { status: 200 });
  });
  if (world.programs.istioctl !== undefined) await checkTools(world, agent, report);
  await report.check('Envoy has refused nothing', async () => {
    const stats = await agent.admin('/stats?filter=update_rejected');
    expect(stats.split('\n').filter((line) => line !== '' && !line.endsWith(': 0'))).to.deep.equal([]);
    expect(stats).to.contain('cluster_manager.cds.update_rejected: 0');
  });
}

async function checkTools(world: InteropWorld, agent: IstioAgent, report: Report): Promise<void> {
  await report.check('istioctl proxy-status: all is SYNCED', async () => {
    const access = await world.istioctlAccess();
    await eventually(
      () => world.istioctl('proxy-status', ...access, '--verbosity=1'),
      (table) => {
        const row = table.split('\n').find((line) => line.startsWith(proxy));
        expect(row, table).to.not.equal(undefined);
        expect(row)
          .to.match(/SYNCED.*SYNCED.*SYNCED.*SYNCED/)
          .and.to.not.match(/STALE|NOT SENT|ERROR/);
      },
    );
  });
  await report.check('istioctl proxy-status: what Envoy holds is what it was sent', async () => {
    const dump = join(world.folder, 'dump.json');
    await writeFile(dump, await agent.admin('/config_dump?include_eds'));
    const access = await world.istioctlAccess();
    const text = await world.istioctl('proxy-status', proxy, ...access, `--file=${dump}`);
    expect(text).to.contain('Clusters Match').and.to.contain('Listeners Match').and.to.contain('Routes Match');
  });
  await report.check('istioctl proxy-config: clusters, listeners, routes, endpoints, certificates', async () => {
    const read = async (kind: string, admin: string) => {
      const dump = join(world.folder, `${kind}.json`);
      await writeFile(dump, await agent.admin(admin));
      return world.istioctl('proxy-config', kind, `--file=${dump}`);
    };
    expect(await read('clusters', '/config_dump')).to.match(new RegExp(`${ordersHost} +80 .*EDS`));
    expect(await read('listeners', '/config_dump'))
      .to.contain('15006')
      .and.to.contain('15001');
    expect(await read('routes', '/config_dump')).to.contain(ordersHost);
    expect(await read('endpoints', '/clusters?format=json')).to.contain(`outbound|80||${ordersHost}`);
    expect(await read('secrets', '/config_dump')).to.match(/default +Cert Chain +ACTIVE/);
  });
}

/** What Envoy in the pod shows to a peer that asks over TLS. */
async function showCertificate(world: InteropWorld): Promise<X509Certificate> {
  const { chain, key } = await world.certificate(namespace, 'default');
  return new Promise((resolve, reject) => {
    const options = { host: world.network.addresses.pod, port: client.port, ALPNProtocols: ['istio'] };
    const socket = connect(
      { ...options, cert: chain, key, ca: world.roots, checkServerIdentity: () => undefined },
      () => {
        const certificate = socket.getPeerX509Certificate();
        socket.destroy();
        if (certificate === undefined) reject(new Error('no certificate'));
        else resolve(certificate);
      },
    );
    socket.on('error', reject);
  });
}
