import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pod } from '#test/support/bookinfo.ts';
import type { RunningEnvoy } from '#test/support/envoy.ts';
import { eventually } from '#test/support/eventually.ts';
import { base64 } from '#test/support/keypair.ts';
import { MeshNetwork } from '#test/support/meshnetwork.ts';
import { NetworkPair } from '#test/support/netns.ts';
import { askFrom } from '#test/support/redirected.ts';
import { type IssuedPair, TestCa } from '#test/support/testca.ts';

const GATEWAY = 'istio-system';
const SHOP = 'shop';
const [PLAIN, SECURE, ECHO] = [8080, 8443, 9000];

/** A server that asks for a certificate and says what it was shown, and one that says what it was told of a client's. */
const servers = (options: object) => `
  const secure = { ...${JSON.stringify(options)}, requestCert: true, rejectUnauthorized: false };
  require('node:https').createServer(secure, (request, response) => {
    const { serialNumber } = request.socket.getPeerCertificate();
    response.end(JSON.stringify({ authorized: request.socket.authorized, serialNumber }));
  }).listen(443, '0.0.0.0', () => {
    require('node:http').createServer((request, response) => {
      response.end(JSON.stringify({ xfcc: request.headers['x-forwarded-client-cert'] ?? '' }));
    }).listen(${ECHO}, '0.0.0.0', () => console.log('ready'));
  });`;

interface Answer {
  readonly authorized?: boolean;
  readonly serialNumber?: string;
  readonly xfcc?: string;
}

const entry = (name: string, address: string, port: number, ports = '{number: 80, name: http, protocol: HTTP') => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: ${SHOP}}
spec:
  hosts: [${name}.example.com]
  resolution: STATIC
  ports: [${ports}, targetPort: ${port}}]
  endpoints: [{address: ${address}}]
---`;

const route = (name: string, to: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: via-${name}, namespace: ${SHOP}}
spec:
  hosts: [${name}.example.com]
  gateways: [${name}]
  http: [{route: [{destination: {host: ${to}.example.com, port: {number: 80}}}]}]
---`;

const gateway = (name: string, port: number, protocol: string, tls = '{}') => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: ${SHOP}}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: ${port}, name: ${name}, protocol: ${protocol}}, hosts: [${name}.example.com], tls: ${tls}}]
---`;

describe('credentials in Secrets, on real gateways and sidecars', () => {
  let network: NetworkPair;
  let mesh: MeshNetwork;
  let router: RunningEnvoy;
  let own: TestCa;
  let foreign: TestCa;
  let folder: string;
  let serverPair: IssuedPair;
  let stop: () => Promise<void>;

  before(async function () {
    this.timeout(60_000);
    network = await NetworkPair.create();
    mesh = await MeshNetwork.start();
    [own, foreign] = [await TestCa.create(), await TestCa.create()];
    folder = await mkdtemp(join(tmpdir(), 'lateen-credentials-'));
    await chmod(folder, 0o755);
    const { peer } = network.addresses;
    serverPair = await own.issue(['DNS:egress.example.com', 'DNS:chosen.example.com', `IP:${peer}`]);
    const options = { key: serverPair.key, cert: serverPair.certificate, ca: own.root };
    stop = await network.serve('peer', servers(options), 0);
    mesh.pipeline.objects.apply(
      pod({ app: 'client', version: 'v1', ip: peer, namespace: SHOP }) + entry('echo', peer, ECHO),
    );
    mesh.pipeline.objects.apply([
      {
        ...{ apiVersion: 'v1', kind: 'Pod', spec: { containers: [] }, status: { podIP: network.addresses.pod } },
        metadata: { name: 'gateway-0', namespace: GATEWAY, labels: { istio: 'ingressgateway' } },
      },
    ]);
    router = await mesh.startProxy({
      ...{ type: 'router', pod: 'gateway-0', namespace: GATEWAY, serviceAccount: 'gateway' },
      ...{ ip: network.addresses.pod, labels: { istio: 'ingressgateway' }, within: network.command('pod', 1337) },
    });
    await mesh.startProxy({
      ...{ type: 'sidecar', pod: 'client-v1-0', namespace: SHOP, serviceAccount: 'client' },
      ...{ ip: peer, labels: { app: 'client', version: 'v1' }, interceptionMode: 'NONE' },
      within: network.command('peer'),
    });
  });

  after(async () => {
    await mesh?.stop();
    await stop?.();
    await network?.remove();
    for (const ca of [own, foreign]) await ca?.remove();
    if (folder) await rm(folder, { recursive: true });
  });

  afterEach(() => {
    expect(mesh.rejections).to.deep.equal([]);
    expect(mesh.pipeline.faults).to.deep.equal([]);
  });

  const apply = (yaml: string) => mesh.pipeline.objects.apply(yaml);
  const put = (name: string, data: Readonly<Record<string, string>>, namespace = GATEWAY) =>
    mesh.pipeline.objects.apply([
      {
        ...{ apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata: { name, namespace } },
        ...{ data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, base64(value)])) },
      },
    ]);
  const pairOf = ({ certificate, key }: IssuedPair) => ({ 'tls.crt': certificate, 'tls.key': key });
  const condition = (kind: string, name: string, type: string) => mesh.condition(kind, SHOP, name, type);
  const serialOf = ({ certificate }: IssuedPair) => new X509Certificate(certificate).serialNumber;

  describe('a gateway', () => {
    /** Puts a server up whose certificate is for its host. */
    const serveWith = async (name: string, tls: string, more: Readonly<Record<string, string>> = {}) => {
      put(name, { ...pairOf(await own.issue([`DNS:${name}.example.com`])), ...more });
      apply(gateway(name, SECURE, 'HTTPS', tls) + route(name, 'echo'));
      await mesh.converged();
    };
    const greet = (name: string, client?: IssuedPair, options: object = {}) =>
      askFrom<Answer>(network, 'peer', `https://${network.addresses.pod}:${SECURE}/`, {
        ...{ servername: `${name}.example.com`, headers: { host: `${name}.example.com` }, ca: own.root },
        ...(client ? { cert: client.certificate, key: client.key } : {}),
        ...options,
      });
    const answers = (name: string, client?: IssuedPair, options?: object) =>
      eventually(
        () => greet(name, client, options),
        (answer) => expect(answer.status).to.equal(200),
      );
    const refuses = (name: string, client?: IssuedPair, options?: object) =>
      eventually(
        () => greet(name, client, options),
        (answer) => expect(answer.status).to.equal(0),
      );

    it('OPTIONAL_MUTUAL: lets clients do without a certificate, and none in with one of somebody else', async () => {
      await serveWith('optional', '{mode: OPTIONAL_MUTUAL, credentialName: optional}', { 'ca.crt': own.root });
      const client = await own.issue(['DNS:client.example.org']);
      await answers('optional');
      await refuses('optional', await foreign.issue(['DNS:client.example.org']));
      await answers('optional', client);
      const { xfcc } = await greet('optional', client);
      expect(xfcc).to.contain('DNS=client.example.org');
      expect(decodeURIComponent(/Cert="([^"]+)"/.exec(xfcc ?? '')?.[1] ?? '')).to.equal(client.certificate);
      expect(condition('Gateway', 'optional', 'ResolvedRefs')).to.include({ status: 'True' });
      expect(condition('Gateway', 'optional', 'Accepted')).to.include({ reason: 'Accepted' });
    });

    it('OPTIONAL_MUTUAL: lets nobody in while there are no roots to check them against', async () => {
      await serveWith('rootless', '{mode: OPTIONAL_MUTUAL, credentialName: rootless}');
      await answers('optional');
      expect(condition('Gateway', 'rootless', 'ResolvedRefs')?.message).to.contain('Secret rootless-cacert');
      await refuses('rootless');
      put('rootless-cacert', { 'ca.crt': own.root });
      await answers('rootless');
    });

    it('MUTUAL: lets in who bears one of the names, or has one of the hashes, that the server gives', async () => {
      const names = '[named.example.org, 10.1.2.3, someone@example.org]';
      await serveWith('named', `{mode: MUTUAL, credentialName: named, subjectAltNames: ${names}}`, {
        'ca.crt': own.root,
      });
      for (const name of ['DNS:named.example.org', 'IP:10.1.2.3', 'email:someone@example.org'])
        await answers('named', await own.issue([name]));
      await refuses('named', await own.issue(['DNS:other.example.org', 'IP:10.1.2.4']));
      await refuses('named');
      const [pinned, other] = [await own.issue(['DNS:a.example.org']), await own.issue(['DNS:a.example.org'])];
      const hash = new X509Certificate(pinned.certificate).fingerprint256;
      await serveWith('pinned', `{mode: MUTUAL, credentialName: pinned, verifyCertificateHash: ["${hash}"]}`, {
        'ca.crt': own.root,
      });
      await answers('pinned', pinned);
      await refuses('pinned', other);
    });

    it('MUTUAL: keeps out whom the list beside the roots revokes, as soon as it does', async () => {
      const [good, bad] = [await own.issue(['DNS:good.example.org']), await own.issue(['DNS:bad.example.org'])];
      const tls = pairOf(await own.issue(['DNS:revoking.example.com']));
      await serveWith('revoking', '{mode: MUTUAL, credentialName: revoking}', { 'ca.crt': own.root });
      await answers('revoking', bad);
      put('revoking', { ...tls, 'ca.crt': own.root, 'ca.crl': await own.revoke(bad) });
      await refuses('revoking', bad);
      await answers('revoking', good);
      put('revoking', { ...tls, 'ca.crt': own.root, 'ca.crl': 'nothing' });
      await mesh.converged();
      expect(condition('Gateway', 'revoking', 'ResolvedRefs')).to.include({ reason: 'InvalidRef' });
      await refuses('revoking', bad);
      await answers('revoking', good);
    });

    it('shows a certificate for each kind of key, from Secrets or from files', async () => {
      const kinds = ['rsa', 'ecdsa'] as const;
      const files = [];
      for (const kind of kinds) {
        const pair = await own.issue(['DNS:both.example.com', 'DNS:files.example.com'], kind);
        put(`both-${kind}`, pairOf(pair));
        await writeFile(join(folder, `${kind}.pem`), pair.certificate);
        await writeFile(join(folder, `${kind}.key`), pair.key);
        await chmod(join(folder, `${kind}.key`), 0o644);
        files.push({ serverCertificate: join(folder, `${kind}.pem`), privateKey: join(folder, `${kind}.key`) });
      }
      await serveWith('both', '{mode: SIMPLE, credentialNames: [both-rsa, both-ecdsa]}');
      await serveWith('files', JSON.stringify({ mode: 'SIMPLE', tlsCertificates: files }));
      for (const name of ['both', 'files'])
        for (const kind of kinds) {
          const ciphers = `ECDHE-${kind.toUpperCase()}-AES128-GCM-SHA256`;
          await answers(name, undefined, { ciphers, maxVersion: 'TLSv1.2' });
        }
      expect(condition('Gateway', 'both', 'Accepted')).to.include({ reason: 'Accepted' });
      expect(condition('Gateway', 'files', 'Accepted')).to.include({ reason: 'Accepted' });
    });

    it('offers the curves that the server names, and no others', async () => {
      put('curved', pairOf(await own.issue(['DNS:curved.example.com'])));
      await serveWith('curved', '{mode: SIMPLE, credentialName: curved, ecdhCurves: [P-384, NONSENSE, P-384]}');
      await answers('curved', undefined, { ecdhCurve: 'P-384' });
      await refuses('curved', undefined, { ecdhCurve: 'X25519' });
    });

    it('checks clients against files of roots and revocations, and lets none in before these are there', async () => {
      const [good, bad] = [await own.issue(['DNS:good.example.org']), await own.issue(['DNS:bad.example.org'])];
      const pair = await own.issue(['DNS:listed.example.com']);
      const path = (name: string) => join(folder, name);
      await writeFile(path('listed.pem'), pair.certificate);
      await writeFile(path('listed.key'), pair.key);
      await chmod(path('listed.key'), 0o644);
      await writeFile(path('roots.pem'), own.root);
      await serveWith(
        'listed',
        JSON.stringify({
          ...{ mode: 'MUTUAL', serverCertificate: path('listed.pem'), privateKey: path('listed.key') },
          ...{ caCertificates: path('roots.pem'), caCrl: path('list.pem') },
        }),
      );
      await answers('optional');
      await refuses('listed', good);
      await writeFile(path('list.pem'), await own.revoke());
      await answers('listed', bad);
      await writeFile(path('list.pem'), await own.revoke(bad));
      await refuses('listed', bad);
      await answers('listed', good);
    });
  });

  describe('a DestinationRule', () => {
    const rule = (name: string, tls: string, more = '') => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${name}, namespace: ${SHOP}}
spec:
  host: ${name}.example.com
  ${more}
  trafficPolicy:
    connectionPool: {http: {maxRequestsPerConnection: 1}}
    tls: ${tls}
---`;
    /** Through the gateway, or with the sidecar of the client. */
    const ask = (name: string, through: 'gateway' | 'sidecar') =>
      askFrom<Answer>(
        network,
        'peer',
        through === 'gateway' ? `http://${network.addresses.pod}:${PLAIN}/` : 'http://127.0.0.1/',
        { headers: { host: `${name}.example.com` } },
      );
    const answers = (name: string, through: 'gateway' | 'sidecar', expected: object) =>
      eventually(
        () => ask(name, through),
        (answer) => expect(answer).to.deep.include({ status: 200, ...expected }),
      );
    const refuses = (name: string, through: 'gateway' | 'sidecar') =>
      eventually(
        () => ask(name, through),
        (answer) => expect(answer.status).to.equal(503),
      );

    it('without workloadSelector has gateways use the Secret in their own namespace, and sidecars send nothing', async () => {
      const { peer } = network.addresses;
      apply(
        entry('egress', peer, 443) +
          gateway('egress', PLAIN, 'HTTP') +
          route('egress', 'egress') +
          rule('egress', '{mode: MUTUAL, credentialName: client, sni: egress.example.com}'),
      );
      await refuses('egress', 'gateway');
      expect(condition('DestinationRule', 'egress', 'ResolvedRefs')?.message).to.contain(
        'there is no Secret client with a certificate and its key in namespace istio-system, where the gateway runs',
      );
      const client = await own.issue(['DNS:client.example.org']);
      put('client', { ...pairOf(client), 'ca.crt': own.root }, SHOP);
      await refuses('egress', 'gateway');
      put('client', { ...pairOf(client), 'ca.crt': own.root });
      await answers('egress', 'gateway', { authorized: true, serialNumber: serialOf(client) });
      await refuses('egress', 'sidecar');
      for (const type of ['Accepted', 'ResolvedRefs', 'Programmed'])
        expect(condition('DestinationRule', 'egress', type), type).to.include({ status: 'True' });
      // Who replaces a Secret replaces what is shown; who revokes the server's certificate is heard.
      const renewed = await own.issue(['DNS:client.example.org']);
      put('client', { ...pairOf(renewed), 'ca.crt': own.root });
      await answers('egress', 'gateway', { serialNumber: serialOf(renewed) });
      put('client', { ...pairOf(renewed), 'ca.crt': foreign.root });
      await refuses('egress', 'gateway');
      put('client', { ...pairOf(renewed), 'ca.crt': own.root, 'ca.crl': await own.revoke(serverPair) });
      await refuses('egress', 'gateway');
    }).timeout(30_000);

    it('with workloadSelector has sidecars use the Secret in theirs, and checks servers by address too', async () => {
      const { peer } = network.addresses;
      apply(
        entry('chosen', peer, 443) +
          rule(
            'chosen',
            `{mode: MUTUAL, credentialName: chosen, subjectAltNames: [${peer}]}`,
            'workloadSelector: {matchLabels: {app: client}}',
          ),
      );
      await refuses('chosen', 'sidecar');
      expect(condition('DestinationRule', 'chosen', 'ResolvedRefs')?.message).to.contain(
        'in namespace shop, where the workloads run',
      );
      const client = await own.issue(['DNS:client.example.org']);
      put('chosen', { ...pairOf(client), 'ca.crt': own.root }, SHOP);
      await answers('chosen', 'sidecar', { authorized: true, serialNumber: serialOf(client) });
      expect(condition('DestinationRule', 'chosen', 'ResolvedRefs')).to.include({ status: 'True' });
      expect(await router.admin('/certs')).not.to.contain('chosen');
      apply(rule('chosen', '{mode: MUTUAL, credentialName: chosen}', 'workloadSelector: {matchLabels: {app: other}}'));
      await eventually(
        () => ask('chosen', 'sidecar'),
        (answer) => expect(answer.status).not.to.equal(200),
      );
    }).timeout(30_000);
  });
});
