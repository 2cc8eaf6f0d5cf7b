import { expect } from 'chai';
import { issueCredentials } from '#ca/testsupport/authority.ts';
import { endpointSlice, ingress, ingressProxy, pod, service } from '#test/support/bookinfo.ts';
import { eventually } from '#test/support/eventually.ts';
import { MeshNetwork } from '#test/support/meshnetwork.ts';
import { NetworkPair } from '#test/support/netns.ts';
import { askFrom, startClient } from '#test/support/redirected.ts';

const PORT = 9443;

/** Says what the client offered and the name that it greeted the server by, over whatever protocol it is asked. */
const server = (options: { readonly key: string; readonly cert: string }) => `
  const answer = ({ offer, servername }) => JSON.stringify({ offer, servername });
  const serve = ({ socket }, response) => response.end(answer(socket));
  const http1 = require('node:http').createServer(serve);
  const http2 = require('node:http2').createServer(serve);
  let offer;
  const choose = ({ protocols }) => {
    offer = protocols;
    return protocols.find((protocol) => ['h2', 'http/1.1'].includes(protocol)) ?? protocols[0];
  };
  require('node:tls').createServer({ ...${JSON.stringify(options)}, ALPNCallback: choose }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.offer = offer;
    const server = { h2: http2, 'http/1.1': http1 }[socket.alpnProtocol];
    if (server === undefined) socket.end(answer(socket));
    else server.emit('connection', socket);
  }).listen(${PORT}, '0.0.0.0', () => console.log('ready'));`;

interface Answer {
  readonly offer?: readonly string[];
  readonly servername?: string;
}

const mutual = { mode: 'ISTIO_MUTUAL' };
const upgrade = { http: { h2UpgradePolicy: 'UPGRADE' } };
const http1 = ['istio-http/1.1', 'istio', 'http/1.1'];
const http2 = ['istio-h2', 'istio', 'h2'];

/** Services of one pod: by the name of their port, and the rule for their clients. */
const services = {
  any: { ip: '10.96.0.61', portName: 'any', policy: { tls: mutual } },
  upgraded: { ip: '10.96.0.62', portName: 'any', policy: { tls: mutual, connectionPool: upgrade } },
  originated: { ip: '10.96.0.63', portName: 'any', policy: { tls: { mode: 'SIMPLE', insecureSkipVerify: true } } },
  'originated-http2': {
    ...{ ip: '10.96.0.64', portName: 'any' },
    policy: { tls: { mode: 'SIMPLE', insecureSkipVerify: true }, connectionPool: upgrade },
  },
  http: { ip: '10.96.0.65', portName: 'http', policy: { tls: mutual } },
  'http-as-asked': {
    ...{ ip: '10.96.0.68', portName: 'http' },
    policy: { tls: mutual, connectionPool: { http: { useClientProtocol: true } } },
  },
  http2: { ip: '10.96.0.66', portName: 'http2', policy: { tls: mutual } },
  tcp: { ip: '10.96.0.67', portName: 'tcp', policy: { tls: mutual } },
} as const;
type Service = keyof typeof services;

const rule = (name: string, trafficPolicy: object) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${name}, namespace: bookinfo}
spec: ${JSON.stringify({ host: name, trafficPolicy })}
---`;

/** Half of the requests to a port without a protocol, half to one of HTTP/2. */
const split = (host: string, gateways: readonly string[]) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bookinfo, namespace: bookinfo}
spec:
  hosts: [${host}]
  gateways: ${JSON.stringify(gateways)}
  http: [{route: [{destination: {host: any}, weight: 50}, {destination: {host: http2}, weight: 50}]}]
---`;

describe('what clients offer inside TLS', () => {
  let network: NetworkPair;
  let mesh: MeshNetwork;
  let stop: (() => Promise<void>) | undefined;

  before(async function () {
    this.timeout(60_000);
    network = await NetworkPair.create();
    mesh = await MeshNetwork.start();
    const ip = network.addresses.peer;
    const { chain, privateKey } = issueCredentials(mesh.authority, {
      namespace: 'bookinfo',
      serviceAccount: 'bookinfo-any',
    });
    stop = await network.serve('peer', server({ key: privateKey, cert: chain }));
    mesh.pipeline.objects.apply(
      [
        pod({ app: 'any', version: 'v1', ip, port: PORT }),
        ...Object.entries(services).flatMap(([name, { ip: address, portName, policy }]) => [
          service(name, address, PORT, 'bookinfo', portName),
          endpointSlice(name, [{ ip, pod: 'any-v1-0' }], PORT, 'bookinfo', portName),
          rule(name, policy),
        ]),
        ingress.replaceAll('10.1.0.9', ip),
        split('bookinfo.example.com', ['mesh', 'bookinfo']),
      ].join('\n'),
    );
    await startClient(mesh, network);
    await mesh.startProxy({
      ...{ type: 'router', pod: ingressProxy.podName, namespace: ingressProxy.namespace },
      ...{ serviceAccount: ingressProxy.serviceAccount, ip, labels: ingressProxy.labels },
      within: network.command('peer', 1337),
    });
    await mesh.converged();
  });

  after(async () => {
    await mesh?.stop();
    await stop?.();
    await network?.remove();
  });

  afterEach(() => {
    expect(mesh.rejections).to.deep.equal([]);
    expect(mesh.pipeline.faults).to.deep.equal([]);
  });

  const run = async (script: string): Promise<string> => {
    const guarded = `
      const fail = (error) => console.log(String(error));
      setTimeout(() => process.exit(), 10_000).unref();
      ${script}`;
    return (await network.run('pod', [process.execPath, '-e', guarded], 1000)).stdout;
  };
  const clients = {
    'HTTP/1.1': async (name: Service) => (await askFrom<Answer>(network, 'pod', urlOf(name))).offer,
    'HTTP/2': async (name: Service) =>
      (
        JSON.parse(
          await run(`
            const session = require('node:http2').connect('${urlOf(name)}').on('error', fail);
            session.request().on('error', fail).on('close', () => session.close()).pipe(process.stdout);`),
        ) as Answer
      ).offer,
    TCP: async (name: Service) =>
      (
        JSON.parse(
          await run(`
            const socket = require('node:net').connect(${PORT}, '${services[name].ip}').on('error', fail);
            socket.pipe(process.stdout);
            socket.write('hello\\n');`),
        ) as Answer
      ).offer,
  };
  const urlOf = (name: Service) => `http://${services[name].ip}:${PORT}/`;

  const cases: readonly [Service, keyof typeof clients, string, readonly string[]][] = [
    ['any', 'HTTP/1.1', 'to a port without a protocol', http1],
    ['any', 'HTTP/2', 'to a port without a protocol', http2],
    ['any', 'TCP', 'to a port without a protocol', ['istio']],
    ['upgraded', 'HTTP/1.1', 'to a port without a protocol that a rule upgrades', http2],
    ['upgraded', 'TCP', 'to a port without a protocol that a rule upgrades', ['istio']],
    ['originated', 'HTTP/1.1', 'in TLS that a rule asks for, to a port without a protocol', ['http/1.1']],
    ['originated', 'HTTP/2', 'in TLS that a rule asks for, to a port without a protocol', ['h2']],
    [
      'originated-http2',
      'HTTP/1.1',
      'in TLS that a rule asks for, to a port without a protocol that it upgrades',
      ['h2'],
    ],
    ['http', 'HTTP/1.1', 'to a port of HTTP', http1],
    ['http', 'HTTP/2', 'to a port of HTTP, sent as HTTP/1.1', http1],
    ['http-as-asked', 'HTTP/1.1', 'to a port of HTTP, sent as it came', http1],
    ['http-as-asked', 'HTTP/2', 'to a port of HTTP, sent as it came', http2],
    ['http2', 'HTTP/1.1', 'to a port of HTTP/2, sent as HTTP/2', http2],
    ['tcp', 'TCP', 'to a port of TCP', ['istio']],
  ];
  for (const [name, protocol, where, expected] of cases) {
    it(`${protocol} ${where}: ${expected.join(', ')}`, async () => {
      expect(await clients[protocol](name)).to.deep.equal(expected);
    });
  }

  for (const inside of ['pod', 'peer'] as const) {
    it(`${inside === 'pod' ? 'a sidecar' : 'a gateway'} offers to each destination of a route what is right for it`, async () => {
      const url = inside === 'pod' ? 'http://10.99.99.99/' : `http://${network.addresses.peer}:8080/`;
      const seen = new Map<string, readonly string[]>();
      await eventually(
        async () => {
          const answer = await askFrom<Answer>(network, inside, url, { headers: { host: 'bookinfo.example.com' } });
          if (answer.offer !== undefined) seen.set(String(answer.servername?.split('.')[3]), answer.offer);
        },
        () => expect([...seen.keys()].sort()).to.deep.equal(['any', 'http2']),
      );
      expect(Object.fromEntries(seen)).to.deep.equal({ any: http1, http2 });
    });
  }
});
