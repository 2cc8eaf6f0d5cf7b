import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { CertificateAuthority } from '#ca/index.ts';
import { openAuthority } from '#ca/testsupport/authority.ts';
import { eventually } from '#test/support/eventually.ts';
import { MeshNetwork } from '#test/support/meshnetwork.ts';
import { NetworkPair } from '#test/support/netns.ts';
import { askFrom, startClient } from '#test/support/redirected.ts';

/** Nobody has this address: whatever gets an answer was led elsewhere by the sidecar. */
const NOWHERE = '10.99.99.99';

/** A server that asks for a certificate, takes any, and says the name it was greeted by and what it was shown. */
const server = (options: { readonly key: string; readonly cert: string; readonly ca: string }) => `
  const options = { ...${JSON.stringify(options)}, requestCert: true, rejectUnauthorized: false };
  require('node:https').createServer(options, (request, response) => {
    const { authorized, servername } = request.socket;
    const { serialNumber } = request.socket.getPeerCertificate();
    response.end(JSON.stringify({ servername, authorized, serialNumber }));
  }).listen(443, '0.0.0.0', () => console.log('ready'));`;

interface Answer {
  readonly status: number;
  readonly servername?: string;
  readonly authorized?: boolean;
  readonly serialNumber?: string;
}

/** The server's certificate is for names below `example.com`. */
const hostOf = (name: string): string => (name.includes('.') ? name : `${name}.example.com`);

/** HTTP of the application that the sidecar is to speak to the server over TLS, a connection for each request. */
const host = (name: string, address: string, tls: object) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name.replaceAll('.', '-')}, namespace: bookinfo}
spec:
  hosts: [${hostOf(name)}]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 443}]
  endpoints: [{address: ${address}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${name.replaceAll('.', '-')}, namespace: bookinfo}
spec:
  host: ${hostOf(name)}
  trafficPolicy:
    connectionPool: {http: {maxRequestsPerConnection: 1}}
    tls: ${JSON.stringify(tls)}
---`;

describe('TLS that a DestinationRule asks for, with files in the container of a real sidecar', () => {
  let network: NetworkPair;
  let mesh: MeshNetwork;
  let clients: CertificateAuthority;
  let folder: string;
  let stop: () => Promise<void>;

  before(async function () {
    this.timeout(60_000);
    network = await NetworkPair.create();
    mesh = await MeshNetwork.start();
    clients = await openAuthority();
    folder = await mkdtemp(join(tmpdir(), 'lateen-files-'));
    await chmod(folder, 0o755);
    const { chain, privateKey } = mesh.authority.issueServer(['*.example.com']);
    stop = await network.serve('peer', server({ key: privateKey, cert: chain.join(''), ca: clients.rootsPem }), 0);
    await startClient(mesh, network);
  });

  after(async () => {
    await mesh?.stop();
    await stop?.();
    await network?.remove();
    if (folder) await rm(folder, { recursive: true });
  });

  afterEach(() => {
    expect(mesh.rejections).to.deep.equal([]);
    expect(mesh.pipeline.faults).to.deep.equal([]);
  });

  const path = (name: string) => join(folder, name);
  const put = (name: string, text: string) => writeFile(path(name), text);
  const apply = (name: string, tls: object) => mesh.pipeline.objects.apply(host(name, network.addresses.peer, tls));
  const ask = (name: string) =>
    askFrom<Answer>(network, 'pod', `http://${NOWHERE}/`, { headers: { host: hostOf(name) } });
  const answers = (name: string, expected: object) =>
    eventually(
      () => ask(name),
      (answer) => expect(answer).to.deep.include({ status: 200, ...expected }),
    );
  const isRefused = (name: string) =>
    eventually(
      () => ask(name),
      (answer) => expect(answer.status).to.equal(503),
    );
  /** A pair of a client in the files `NAME.pem` and `NAME.key`; its serial number. */
  const putPair = async (name: string): Promise<string> => {
    const { chain, privateKey } = clients.issueServer(['client.example.org']);
    await put(`${name}.pem`, chain.join(''));
    await put(`${name}.key`, privateKey);
    return new X509Certificate(chain[0] ?? '').serialNumber;
  };

  it('SIMPLE: checks the server against the roots in a file, and against those that replace them', async () => {
    await put('roots.pem', clients.rootsPem);
    apply('simple', { mode: 'SIMPLE', caCertificates: path('roots.pem') });
    await isRefused('simple');
    await put('roots.pem', mesh.authority.rootsPem);
    await answers('simple', { servername: 'simple.example.com', authorized: false });
    await put('roots.pem', clients.rootsPem);
    await isRefused('simple');
  });

  it('SIMPLE: checks against the public roots where no file is named, or not at all where the rule says so', async () => {
    apply('public', { mode: 'SIMPLE' });
    await isRefused('public');
    apply('lax', { mode: 'SIMPLE', insecureSkipVerify: true });
    await answers('lax', { servername: 'lax.example.com' });
  });

  it('SIMPLE: greets the server by the name, and demands one of the names, that the rule gives', async () => {
    await put('own.pem', mesh.authority.rootsPem);
    const tls = { mode: 'SIMPLE', caCertificates: path('own.pem'), sni: 'other.example.com' };
    apply('named', { ...tls, subjectAltNames: ['*.example.com'] });
    await answers('named', { servername: 'other.example.com' });
    apply('misnamed', { ...tls, subjectAltNames: ['elsewhere.example.org'] });
    await isRefused('misnamed');
  });

  it('SIMPLE: demands the name that the application asked for, where the rule gives none', async () => {
    await put('ours.pem', mesh.authority.rootsPem);
    const tls = { mode: 'SIMPLE', caCertificates: path('ours.pem') };
    apply('asked', tls);
    await answers('asked', { servername: 'asked.example.com' });
    apply('stranger.example.org', tls);
    await isRefused('stranger.example.org');
    apply('stranger.example.org', { ...tls, subjectAltNames: ['*.example.com'] });
    await answers('stranger.example.org', { servername: 'stranger.example.org' });
  });

  it('MUTUAL: shows the certificate in the files, and the one that replaces it', async () => {
    await put('server.pem', mesh.authority.rootsPem);
    const first = await putPair('client');
    apply('mutual', {
      mode: 'MUTUAL',
      clientCertificate: path('client.pem'),
      privateKey: path('client.key'),
      caCertificates: path('server.pem'),
    });
    await answers('mutual', { authorized: true, serialNumber: first });
    await answers('mutual', { authorized: true, serialNumber: await putPair('client') });
  });

  it('MUTUAL: lets nothing through while a file is missing, and goes on when it comes', async () => {
    await put('late-roots.pem', mesh.authority.rootsPem);
    apply('late', {
      mode: 'MUTUAL',
      clientCertificate: path('late.pem'),
      privateKey: path('late.key'),
      caCertificates: path('late-roots.pem'),
    });
    await isRefused('late');
    await answers('late', { authorized: true, serialNumber: await putPair('late') });
  });

  it('says of these fields that they are in force', () => {
    for (const name of ['simple', 'lax', 'named', 'mutual'])
      expect(mesh.condition('DestinationRule', 'bookinfo', name, 'Accepted'), name).to.include({ reason: 'Accepted' });
  });
});
