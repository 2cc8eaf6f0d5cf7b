import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { eventually } from '#test/support/eventually.ts';
import { type FaultyProxy, startFaultyProxy } from '#test/support/faulty-proxy.ts';
import { type Istiod, startIstiod, type WorkloadCertificate } from '#test/support/istiod.ts';
import { writeKubeconfig } from '#test/support/kubeconfig.ts';
import { type GetOptions, readPage } from '#test/support/observed-mesh.ts';

describe('debug pages and callers who have proven nothing yet', () => {
  let api: ApiServer;
  let proxy: FaultyProxy;
  let folder: string;
  let istiod: Istiod;
  let administrator: string;
  let shown: WorkloadCertificate;
  /** Nobody says whose tokens they are. */
  let silent = false;

  before(async function () {
    this.timeout(180_000);
    folder = await mkdtemp(join(tmpdir(), 'lateen-kubeconfig-'));
    api = await startApiServer();
    await api.kubectl(['apply', '--server-side', '-k', 'crds']);
    await api.definitionsServed();
    await api.kubectl(['create', 'namespace', 'istio-system']);
    proxy = await startFaultyProxy(api);
    await writeKubeconfig(join(folder, 'config'), proxy.url);
    istiod = await startIstiod(api, { flags: [`--kubeconfig=${join(folder, 'config')}`] });
    administrator = await istiod.token('istio-system', 'default');
    shown = await istiod.certificate(administrator, 'istio-system', 'default');
  });

  after(async () => {
    silent = false;
    await istiod?.stop();
    await proxy?.close();
    await api?.stop();
    if (folder) await rm(folder, { recursive: true });
  });

  const get = (options: GetOptions) => readPage(istiod, '/debug/syncz', options);
  const isReview = (url: string) => url.includes('/tokenreviews');

  /** Shows a token after the other while nobody says whose they are. */
  const insist = async (from: string, at: number) => {
    while (silent) {
      await get({ from, token: `${from}.${at}` }).catch(() => undefined);
      await sleep(50);
    }
  };
  const insistFourfold = (from: string) => [0, 1, 2, 3].map((at) => insist(from, at));
  const turnsAway = (from: string) =>
    eventually(
      () => get({ from, token: 'x.y.z' }),
      (reply) => expect(reply).to.include({ status: 429 }),
    );

  it('look at few tokens of one address and not many in all, and answer whoever needs none meanwhile', async () => {
    const before = proxy.requests.filter(isReview).length;
    const reviews = (count: number) =>
      eventually(
        () => proxy.requests.filter(isReview).length - before,
        (seen) => expect(seen).to.be.at.least(count),
      );
    silent = true;
    proxy.fail({ kind: 'silence' }, isReview, Number.POSITIVE_INFINITY);
    const insisting = insistFourfold('127.0.0.2');
    await reviews(4);
    await turnsAway('127.0.0.2');
    for (let at = 3; at < 18; at += 1) insisting.push(...insistFourfold(`127.0.0.${at}`));
    await reviews(64);
    await turnsAway('127.0.0.100');
    expect(await get({ from: '127.0.0.100' })).to.include({ status: 401 });
    expect(await get({ from: '127.0.0.2', shown })).to.include({ status: 200 });
    silent = false;
    proxy.fail({ kind: 'none' }, isReview);
    proxy.cut();
    await Promise.all(insisting);
    expect(await get({ token: administrator })).to.include({ status: 200 });
  });
});
