import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { proxiesBinary } from '#hack/setup/index.ts';
import { Fleet } from '#test/bench/scale/fleet.ts';
import { type RoundOptions, resolveTarget, runAgainst } from '#test/bench/scale/index.ts';
import { ScaleMesh, type ScaleSize } from '#test/bench/scale/mesh.ts';
import { prepareOurs, type StartServer } from '#test/bench/scale/servers.ts';

const proxies = 24;
const size: ScaleSize = {
  ...{ services: 20, endpointsPerService: 3, namespaces: 4, tcpEvery: 5 },
  // Two pods of some services.
  pods: proxies,
  ruled: 5,
};

/** The rounds of the benchmark, small: what is measured there is right here. */
describe('a control plane with many proxies', function () {
  this.timeout(180_000);
  const stopping = new AbortController();
  let folder: string;
  let startOurs: StartServer;
  let mesh: ScaleMesh;
  let options: Omit<RoundOptions, 'tls' | 'serial'>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-scale-'));
    startOurs = await prepareOurs(folder);
    mesh = await ScaleMesh.start(size, stopping.signal);
    const program = await proxiesBinary(() => undefined);
    const pace = { changes: 2, changesWithin: 60_000, idle: 0, churn: 2_000 };
    options = { ...{ mesh, program, proxies, pace }, signal: stopping.signal };
  });

  after(async () => {
    stopping.abort();
    await mesh.stop();
    await rm(folder, { recursive: true });
  });

  for (const tls of [false, true]) {
    it(`tells each of every change, and no more than changed${tls ? ', over mutual TLS' : ''}`, async () => {
      const { round, differences } = await runAgainst(startOurs, { ...options, tls, serial: tls ? 2 : 1 });
      expect(differences).to.deep.equal([]);
      expect(round).to.include({ missed: 0, 'other than anew': 0 });
      const sent = (change: 'an endpoint' | 'a VirtualService' | 'a DestinationRule' | 'a service comes and goes') =>
        round[`${change}: sent to each`];
      expect(sent('an endpoint')).to.be.within(0.1, 1.5);
      expect(sent('a VirtualService')).to.be.within(0.1, 6);
      expect(sent('a DestinationRule')).to.be.within(1, 15);
      expect(sent('a service comes and goes')).to.be.within(0.5, 15);
    });
  }

  it('gives those that come later what is so by then', async () => {
    const server = await startOurs(mesh.api);
    const fleet = new Fleet(options.program);
    try {
      const target = await resolveTarget(server, { ...options, tls: false });
      await fleet.connect(target);
      await fleet.disconnect();
      await mesh.changeRule(0, 7);
      await fleet.connect(target);
      const { different, examples } = await fleet.compare();
      expect(different).to.equal(proxies);
      expect(examples).to.include('proxy 0: clusters outbound|80|v2|s0.ns0.svc.cluster.local was another');
    } finally {
      await fleet.stop();
      await server.stop();
    }
  });
});
