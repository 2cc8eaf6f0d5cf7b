import { expect } from 'chai';
import { type DiscoveryServer, startDiscovery } from '#test/support/discovery.ts';
import { freePort, type RunningEnvoy } from '#test/support/envoy.ts';
import { eventually } from '#test/support/eventually.ts';
import { type Answer, request, startUpstream, type Upstream } from '#test/support/upstream.ts';
import {
  brokenVirtualHost,
  edsCluster,
  endpoint,
  httpListener,
  routeTo,
  splitTable,
  startXdsEnvoy,
  virtualHost,
} from '#test/support/xdsenvoy.ts';
import type { ServedResource } from '#xds/index.ts';

describe('a real Envoy whose virtual hosts are resources of their own', () => {
  let server: DiscoveryServer;
  let envoy: RunningEnvoy;
  let port: number;
  let blue: Upstream;
  let green: Upstream;

  const clusters = () => [
    edsCluster('blue'),
    endpoint('blue', blue.port),
    edsCluster('green'),
    endpoint('green', green.port),
  ];
  const publish = (...hosts: readonly ServedResource[]) =>
    server.source.publish(...clusters(), splitTable(), httpListener('http', port), ...hosts);
  /** Who answers for a host, or the status and body of what nobody answered. */
  const ask = async (host: string): Promise<string> => {
    const { status, body } = await request(port, '/', { host });
    return status === 200 ? (JSON.parse(body) as Answer).name : `${status} ${body}`.trim();
  };
  const answers = (expected: Readonly<Record<string, string>>) =>
    eventually(
      async () => Promise.all(Object.keys(expected).map((host) => ask(host).catch(String))),
      (found) => expect(found).to.deep.equal(Object.values(expected)),
    );
  const acknowledged = (revision: number) =>
    eventually(
      () => server.observer.events,
      (events) => expect(events).to.include(`acknowledged web ${revision}`),
    );
  const rejections = () => server.observer.events.filter((event) => event.startsWith('rejected'));

  beforeEach(async () => {
    [server, blue, green, port] = await Promise.all([
      startDiscovery(),
      startUpstream('blue'),
      startUpstream('green'),
      freePort(),
    ]);
    publish(virtualHost('a', 'blue'), virtualHost('b', 'green'));
    envoy = await startXdsEnvoy(server.port, 'delta', { args: ['--drain-time-s', '1'] });
    await answers({ a: 'blue', b: 'green', c: '404' });
  });

  afterEach(async () => {
    await envoy.stop();
    await Promise.all([server.stop(), blue.close(), green.close()]);
  });

  it('takes one that changes, comes or goes, and is sent nothing else', async () => {
    await acknowledged(1);
    const sent = async () => {
      const { text } = await server.metrics.render();
      return [...text.matchAll(/^pilot_xds_pushes\{type="(\w+)"\} (\d+)$/gm)].map(
        ([, type, count]) => `${type} ${count}`,
      );
    };
    const before = await sent();
    publish(virtualHost('a', 'green'), virtualHost('b', 'green'), virtualHost('c', 'blue'));
    await answers({ a: 'green', b: 'green', c: 'blue' });
    await acknowledged(publish(virtualHost('b', 'green'), virtualHost('c', 'blue')));
    await answers({ a: '404', b: 'green', c: 'blue' });
    const after = await sent();
    expect(after.filter((line) => !before.includes(line))).to.deep.equal(['vhds 3']);
    expect(rejections()).to.deep.equal([]);
  });

  it('matches hosts without their port', async () => {
    await answers({ 'a:8080': 'blue', 'b:80': 'green', 'c:80': '404' });
  });

  it('follows changes, new clusters and moving domains under load without a failed request', async () => {
    publish(virtualHost('a', 'blue', ['a', 'moving']), virtualHost('b', 'green'));
    await answers({ moving: 'blue' });
    const failures: string[] = [];
    let asked = 0;
    let going = true;
    const load = ['a', 'b', 'moving', 'moving'].map(async (host) => {
      while (going) {
        const answer = await ask(host).catch(String);
        asked += 1;
        if (answer !== 'blue' && answer !== 'green') failures.push(`${host}: ${answer}`);
      }
    });
    for (let swap = 1; swap <= 30; swap += 1) {
      const [name, upstream] = swap % 2 === 0 ? [`blue${swap}`, blue] : [`green${swap}`, green];
      const [a, b] = swap % 3 === 0 ? [['a', 'moving'], ['b']] : [['a'], ['b', 'moving']];
      const revision = server.source.publish(
        ...clusters(),
        edsCluster(name),
        endpoint(name, upstream.port),
        splitTable(),
        httpListener('http', port),
        virtualHost('a', name, a),
        virtualHost('b', swap % 2 === 0 ? 'green' : 'blue', b),
      );
      await acknowledged(revision);
      await answers({ a: upstream.name });
    }
    going = false;
    await Promise.all(load);
    expect(failures.slice(0, 3)).to.deep.equal([]);
    expect(asked).to.be.greaterThan(100);
    expect(rejections()).to.deep.equal([]);
    await eventually(
      () => envoy.admin('/clusters'),
      (listed) => {
        expect(listed).to.contain('blue30::');
        expect(listed).to.not.contain('green29::');
      },
    );
  });

  it('refuses a bad one, takes all others of the same response, and goes on taking changes', async () => {
    const good = Array.from({ length: 20 }, (_, at) => virtualHost(`good${at}`, 'blue'));
    const bad = brokenVirtualHost('bad');
    await acknowledged(publish(virtualHost('a', 'green'), virtualHost('b', 'blue'), bad, ...good));
    await answers({ a: 'green', b: 'blue', good0: 'blue', good19: 'blue', bad: '404' });
    expect(new Set(rejections())).to.deep.equal(new Set(['rejected web web/bad: missing ): (']));
    await acknowledged(publish(virtualHost('a', 'blue'), virtualHost('b', 'blue'), bad, ...good));
    await answers({ a: 'blue', bad: '404' });
    await acknowledged(publish(virtualHost('a', 'blue'), virtualHost('bad', 'green')));
    await answers({ a: 'blue', bad: 'green', good0: '404' });
  });

  it('has them again after its listener went away and came back', async () => {
    const hosts = [virtualHost('a', 'green'), virtualHost('c', 'blue')];
    await acknowledged(server.source.publish(...clusters()));
    await acknowledged(publish(...hosts));
    await answers({ a: 'green', b: '404', c: 'blue' });
    // Once more, after Envoy has let go of the table.
    await acknowledged(server.source.publish(...clusters()));
    await eventually(
      () => envoy.admin('/config_dump?resource=dynamic_route_configs'),
      (dump) => expect(dump).to.not.contain('"web/a"'),
    );
    publish(...hosts);
    await answers({ a: 'green', b: '404', c: 'blue' });
  });

  it('gets tables that come later, and those of another listener, though it asks for virtual hosts once', async () => {
    const second = await freePort();
    await acknowledged(1);
    server.source.publish(
      ...clusters(),
      splitTable(),
      httpListener('http', port),
      httpListener('second', second),
      virtualHost('a', 'green'),
    );
    await eventually(
      () => request(second, '/', { host: 'a' }).then(({ body }) => body, String),
      (body) => expect(body).to.contain('"name":"green"'),
    );
    await answers({ a: 'green', b: '404' });
  });

  it('goes on while the control plane is away, and takes what changed and what is gone when it is back', async () => {
    await acknowledged(1);
    await server.stop();
    await answers({ a: 'blue', b: 'green' });
    publish(virtualHost('a', 'blue'), virtualHost('c', 'green'));
    server = await startDiscovery({ port: server.port, source: server.source });
    await answers({ a: 'blue', b: '404', c: 'green' });
    await acknowledged(2);
    await acknowledged(publish(virtualHost('c', 'blue')));
    await answers({ a: '404', c: 'blue' });
  });

  it('takes a table whole when it has become empty, and apart again', async () => {
    await acknowledged(server.source.publish(...clusters(), routeTo('green'), httpListener('http', port)));
    await answers({ a: 'green', c: 'green' });
    await acknowledged(publish(virtualHost('a', 'blue')));
    await answers({ a: 'blue', c: '404' });
  });

  it('is told what does not exist when it asks for it by itself, and answers 404', async () => {
    const second = await freePort();
    const hosts = [virtualHost('a', 'blue'), virtualHost('b', 'green')];
    const listeners = [httpListener('http', port), httpListener('asking', second, { onDemand: true })];
    await acknowledged(server.source.publish(...clusters(), splitTable(), ...listeners, ...hosts));
    const pushes = async () => /pilot_xds_pushes\{type="vhds"\} (\d+)/.exec((await server.metrics.render()).text)?.[1];
    const before = await pushes();
    expect((await request(second, '/', { host: 'a' })).status).to.equal(200);
    expect(await pushes()).to.equal(before);
    expect((await request(second, '/', { host: 'unknown' })).status).to.equal(404);
    expect(await pushes()).to.equal(String(Number(before) + 1));
    // Where a table has a host for everything else, as the tables of sidecars have, it never asks.
    await acknowledged(
      server.source.publish(...clusters(), splitTable(), ...listeners, ...hosts, virtualHost('rest', 'blue', ['*'])),
    );
    const settled = await pushes();
    expect((await request(second, '/', { host: 'other' })).status).to.equal(200);
    expect(await pushes()).to.equal(settled);
  });

  it('shows the whole table to its administrator', async () => {
    const dump = JSON.parse(await envoy.admin('/config_dump?resource=dynamic_route_configs'));
    const [{ route_config: table }] = dump.configs;
    expect(table.virtual_hosts.map(({ name }: { name: string }) => name)).to.deep.equal(['web/a', 'web/b']);
  });
});
