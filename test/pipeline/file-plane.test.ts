import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChannelCredentials, credentials, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { CertificateAuthority } from '#ca/index.ts';
import { issueCredentials, openAuthority } from '#ca/testsupport/authority.ts';
import { MemoryStore } from '#ca/testsupport/store.ts';
import { createFilePlane } from '#cmd/discovery/file-plane.ts';
import { runDiscovery } from '#cmd/discovery/run.ts';
import { discoverySettings } from '#cmd/discovery/settings.ts';
import { createMetrics, silentLogger } from '#runtime/index.ts';
import { CLUSTER_URL, type DeltaStream, named, openDelta, sidecarNode } from '#test/support/adsclient.ts';
import { freePort } from '#test/support/envoy.ts';
import { eventually } from '#test/support/eventually.ts';

const web = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}
`;
const expected = 'outbound|80||web.default.svc.cluster.local';

describe('istiod without Kubernetes', function () {
  this.timeout(60_000);
  let folder: string;
  let store: MemoryStore;
  let authority: CertificateAuthority;
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  let ports: { readonly plaintext: number; readonly secure: number };
  const streams: DeltaStream[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-plane-'));
    for (const name of ['config', 'ca', 'empty']) await mkdir(join(folder, name));
    await writeFile(join(folder, 'config/web.yaml'), web);
    store = new MemoryStore();
    authority = await openAuthority({ store });
    for (const [name, text] of Object.entries((await store.read()) ?? {}))
      await writeFile(join(folder, 'ca', name), text);
    ports = { plaintext: await freePort(), secure: await freePort() };
    const plane = createFilePlane({
      settings: discoverySettings.parse({
        configDir: join(folder, 'config'),
        pluggedCertificates: join(folder, 'ca'),
        grpcAddr: `127.0.0.1:${ports.plaintext}`,
        secureGrpcAddr: `127.0.0.1:${ports.secure}`,
      }),
      logger: silentLogger,
      metrics: createMetrics(),
    });
    expect(plane.missing()).to.include('the files, with a valid mesh configuration');
    running = plane.run(stop.signal);
    running.catch(() => undefined);
    await eventually(
      () => plane.missing(),
      (missing) => expect(missing).to.deep.equal([]),
    );
  });
  after(async () => {
    for (const stream of streams) stream.close();
    stop.abort();
    await running;
    await rm(folder, { recursive: true });
  });

  const open = (port: number, channel?: ChannelCredentials): DeltaStream => {
    const stream = openDelta(port, channel === undefined ? {} : { credentials: channel });
    streams.push(stream);
    stream.send({ node: sidecarNode('web'), typeUrl: CLUSTER_URL });
    return stream;
  };
  const holder = (issuer: CertificateAuthority): ChannelCredentials => {
    const { privateKey, chain } = issueCredentials(issuer);
    return credentials.createSsl(Buffer.from(authority.rootsPem), Buffer.from(privateKey), Buffer.from(chain));
  };

  it('serves what stands in the files in plaintext', async () => {
    expect(named(await open(ports.plaintext).next())).to.include(expected);
  });

  it('serves it over TLS to holders of a certificate of the plugged-in authority, and to nobody else', async () => {
    await eventually(
      () =>
        open(ports.secure, holder(authority))
          .next()
          .then(named, () => []),
      (names) => expect(names).to.include(expected),
    );
    const nobody = open(ports.secure, credentials.createSsl(Buffer.from(authority.rootsPem)));
    expect((await nobody.ended).code).to.equal(status.UNAUTHENTICATED);
    const token = openDelta(ports.secure, {
      credentials: credentials.createSsl(Buffer.from(authority.rootsPem)),
      token: 'a.b.c',
    });
    streams.push(token);
    token.send({ node: sidecarNode('web'), typeUrl: CLUSTER_URL });
    expect((await token.ended).code).to.equal(status.UNAUTHENTICATED);
  });

  const refused: readonly (readonly [string, object, RegExp])[] = [
    ['nobody could connect', { grpcAddr: '' }, /--grpc-addr/],
    ['the folder is not there', { configDir: '/nonexistent/lateen' }, /nonexistent/],
  ];
  for (const [what, more, message] of refused) {
    it(`does not start when ${what}, and says what to do`, async () => {
      const settings = discoverySettings.parse({
        configDir: join(folder, 'config'),
        pluggedCertificates: join(folder, 'empty'),
        grpcAddr: `127.0.0.1:${await freePort()}`,
        ...more,
      });
      const plane = createFilePlane({ settings, logger: silentLogger, metrics: createMetrics() });
      const outcome = await plane.run(new AbortController().signal).catch((thrown: unknown) => thrown);
      expect(outcome).to.have.property('code', 'invalid');
      expect(outcome).to.have.property('message').that.matches(message);
    });
  }

  it('does not start when a cluster is named as well, and says what to do', async () => {
    const settings = discoverySettings.parse({ configDir: folder, kubeconfig: '/somewhere' });
    const outcome = await runDiscovery(settings, new AbortController().signal).catch((thrown: unknown) => thrown);
    expect(outcome).to.have.property('code', 'invalid');
    expect(outcome).to.have.property('message').that.contains('--kubeconfig');
  });
});
