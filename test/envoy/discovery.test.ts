import { expect } from 'chai';
import { type DiscoveryServer, startDiscovery } from '#test/support/discovery.ts';
import { freePort, type RunningEnvoy } from '#test/support/envoy.ts';
import { eventually } from '#test/support/eventually.ts';
import { type Answer, request, startUpstream, type Upstream } from '#test/support/upstream.ts';
import { brokenListener, edsCluster, endpoint, httpListener, routeTo, startXdsEnvoy } from '#test/support/xdsenvoy.ts';

for (const protocol of ['delta', 'sotw'] as const) {
  describe(`a real Envoy on our discovery server, ${protocol}`, () => {
    let server: DiscoveryServer;
    let envoy: RunningEnvoy;
    let port: number;
    let blue: Upstream;
    let green: Upstream;

    const ask = async (): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5_000) });
      return response.ok ? ((await response.json()) as Answer).name : `${response.status} ${await response.text()}`;
    };
    const answers = (name: string) =>
      eventually(
        () => ask().catch(String),
        (answer) => expect(answer).to.equal(name),
      );
    const acknowledged = (revision: number) =>
      eventually(
        () => server.observer.events,
        (events) => expect(events).to.include(`acknowledged web ${revision}`),
      );

    beforeEach(async () => {
      [server, blue, green, port] = await Promise.all([
        startDiscovery(),
        startUpstream('blue'),
        startUpstream('green'),
        freePort(),
      ]);
      server.source.publish(
        edsCluster('blue'),
        endpoint('blue', blue.port),
        routeTo('blue'),
        httpListener('http', port),
      );
      envoy = await startXdsEnvoy(server.port, protocol);
      await answers('blue');
    });

    afterEach(async () => {
      await envoy.stop();
      await Promise.all([server.stop(), blue.close(), green.close()]);
    });

    it('gets listener, route, cluster and endpoints, and acknowledges them all', async () => {
      await acknowledged(1);
      const [proxy] = server.source.proxies;
      expect(proxy).to.include({ podName: 'web', envoyVersion: '1.40.0', client: 'envoy' });
      expect(proxy?.extensions).to.include('envoy.filters.http.router');
    });

    it('moves between new and removed clusters under load without a failed request', async () => {
      await acknowledged(1);
      const failures: string[] = [];
      let asked = 0;
      let going = true;
      const load = Array.from({ length: 4 }, async () => {
        while (going) {
          const answer = await ask().catch(String);
          asked += 1;
          if (answer !== 'blue' && answer !== 'green') failures.push(answer);
        }
      });
      for (let swap = 1; swap <= 30; swap += 1) {
        const [name, upstream] = swap % 2 === 0 ? [`blue${swap}`, blue] : [`green${swap}`, green];
        const revision = server.source.publish(
          edsCluster(name),
          endpoint(name, upstream.port),
          routeTo(name),
          httpListener('http', port),
        );
        await acknowledged(revision);
        await answers(upstream.name);
      }
      going = false;
      await Promise.all(load);
      expect(failures.slice(0, 3)).to.deep.equal([]);
      expect(asked).to.be.greaterThan(100);
      await eventually(
        () => envoy.admin('/clusters'),
        (clusters) => {
          expect(clusters).to.contain('blue30::');
          expect(clusters).to.not.contain('green29::');
        },
      );
    });

    it('survives a route that comes before its cluster, and the other way round', async () => {
      await acknowledged(1);
      const before = [edsCluster('blue'), endpoint('blue', blue.port), httpListener('http', port)];
      server.source.publish(...before, routeTo('late'));
      await eventually(
        () => server.observer.events,
        (events) => expect(events).to.include('waiting web late'),
      );
      expect(await ask()).to.equal('blue');
      server.source.publish(...before, routeTo('late'), edsCluster('late'), endpoint('late', green.port));
      await answers('green');
      const revision = server.source.publish(
        ...before,
        routeTo('blue'),
        edsCluster('late'),
        endpoint('late', green.port),
      );
      await acknowledged(revision);
      expect(await ask()).to.equal('blue');
      expect(server.observer.events.filter((event) => event.startsWith('waiting')).at(-1)).to.equal('waiting web ');
    });

    it('warms a changed cluster again although its endpoints are unchanged', async () => {
      for (const timeout of [2, 3, 4]) {
        const revision = server.source.publish(
          edsCluster('blue', timeout),
          endpoint('blue', blue.port),
          routeTo('blue'),
          httpListener('http', port),
        );
        await acknowledged(revision);
        expect(await ask()).to.equal('blue');
      }
    });

    it('refuses a bad listener, keeps its traffic, and still gets everything else', async () => {
      await acknowledged(1);
      const rest = [
        edsCluster('blue'),
        endpoint('blue', blue.port),
        edsCluster('green'),
        endpoint('green', green.port),
        httpListener('http', port),
      ];
      const revision = server.source.publish(...rest, routeTo('green'), brokenListener('bad'));
      await acknowledged(revision);
      await answers('green');
      const rejections = server.observer.events.filter((event) => event.startsWith('rejected'));
      expect(rejections[0]).to.match(/^rejected web bad: .*bad/s);
      expect(await envoy.admin('/listeners')).to.not.contain('bad');
      const after = server.source.publish(...rest, routeTo('blue'), brokenListener('bad'));
      await acknowledged(after);
      await answers('blue');
      const { text } = await server.metrics.render();
      expect(text).to.contain('pilot_total_xds_rejects{type="lds"} 1\n');
    });

    it('keeps the rule of a listener whose next version it refuses, until a version that it takes', async () => {
      const rest = [
        ...[edsCluster('blue'), endpoint('blue', blue.port)],
        ...[edsCluster('green'), endpoint('green', green.port)],
      ];
      const guarded = (...denied: readonly string[]) => httpListener('http', port, { denied });
      const statusOf = async (path: string) => (await request(port, path, {})).status;
      const becomes = (path: string, expected: number) =>
        eventually(
          () => statusOf(path),
          (status) => expect(status).to.equal(expected),
        );
      await acknowledged(server.source.publish(...rest, routeTo('blue'), guarded('/admin')));
      await becomes('/admin', 403);
      // One more rule, and one that is none.
      const broken = guarded('/admin', '/private', '(');
      await acknowledged(server.source.publish(...rest, routeTo('green'), broken));
      await answers('green');
      expect([await statusOf('/admin'), await statusOf('/private')]).to.deep.equal([403, 200]);
      const rejections = server.observer.events.filter((event) => event.startsWith('rejected'));
      expect(rejections[0]).to.match(/^rejected web http: /);
      // What else changes is taken, and what was refused is not tried again.
      await acknowledged(server.source.publish(...rest, routeTo('blue'), broken));
      await answers('blue');
      expect([await statusOf('/admin'), await statusOf('/private')]).to.deep.equal([403, 200]);
      expect((await server.metrics.render()).text).to.contain('pilot_total_xds_rejects{type="lds"} 1\n');
      await acknowledged(server.source.publish(...rest, routeTo('blue'), guarded('/admin', '/private')));
      await becomes('/private', 403);
      expect(await statusOf('/admin')).to.equal(403);
    });

    it('goes on serving while the control plane is away, and takes changes when it is back', async () => {
      await acknowledged(1);
      await server.stop();
      expect(await ask()).to.equal('blue');
      server.source.publish(
        edsCluster('green'),
        endpoint('green', green.port),
        routeTo('green'),
        httpListener('http', port),
      );
      server = await startDiscovery({ port: server.port, source: server.source });
      await answers('green');
      await acknowledged(2);
    });
  });
}
