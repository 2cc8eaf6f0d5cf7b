/** What the control plane tells about itself and to whom: a real istiod, real tokens and certificates of the mesh. */
import { request } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { CLUSTER_URL, openDelta, sidecarNode } from '#test/support/adsclient.ts';
import { eventually } from '#test/support/eventually.ts';
import { meshCredentials, startIstiod } from '#test/support/istiod.ts';
import {
  CANARY,
  CERTIFICATE,
  gatewayNode,
  type ObservedMesh,
  startObservedMesh,
  toolNode,
} from '#test/support/observed-mesh.ts';
import { decode, type Message } from '#wire/index.ts';

type Answer = Message<'envoy.service.discovery.v3.DiscoveryResponse'>;
describe('debug pages', () => {
  let mesh: ObservedMesh;

  before(async function () {
    this.timeout(180_000);
    mesh = await startObservedMesh();
  });

  after(() => mesh?.stop());

  const text = ({ resources = [] }: Answer): string => Buffer.from(resources[0]?.value ?? []).toString();
  const parse = (answer: Answer): unknown => JSON.parse(text(answer));
  const page = async (path: string): Promise<unknown> => {
    const reply = await mesh.get(path, { token: mesh.administrator });
    expect(reply.status, reply.text).to.equal(200);
    return JSON.parse(reply.text);
  };

  const readClients = ({ resources = [] }: Answer) =>
    resources.map(({ typeUrl = '', value = new Uint8Array() }) => {
      expect(typeUrl).to.equal('type.googleapis.com/envoy.service.status.v3.ClientConfig');
      return decode('envoy.service.status.v3.ClientConfig', value);
    });
  const describeState = ({ node, genericXdsConfigs = [] }: ReturnType<typeof readClients>[number]) => [
    node?.id,
    genericXdsConfigs.map(({ typeUrl, configStatus, errorState }) => [
      typeUrl?.split('.').at(-1),
      configStatus,
      ...(errorState?.details === undefined ? [] : [errorState.details]),
    ]),
  ];

  describe('over xDS, as istioctl asks', () => {
    it('says how far every proxy is, and who says so', async () => {
      const expected = [
        [
          'istio-ingressgateway-0.istio-system',
          [
            ['Listener', 'SYNCED'],
            ['Secret', 'ERROR', 'no such curve'],
          ],
        ],
        ['productpage-v1-0.bookinfo', [['Cluster', 'SYNCED']]],
      ];
      const answer = await eventually(
        () => mesh.ask('istio.io/debug/syncz'),
        (status) => expect(readClients(status).map(describeState)).to.deep.equal(expected),
      );
      const [gateway] = readClients(answer);
      expect(gateway?.node?.metadata?.fields?.NAMESPACE).to.deep.equal({ stringValue: 'istio-system' });
      expect(JSON.parse(answer.controlPlane?.identifier ?? '')).to.include({ Component: 'istiod', ID: 'istiod-0' });
    });

    it('dumps what a proxy is to hold in the form of its own dump', async () => {
      const { resources = [] } = await mesh.ask('istio.io/debug/config_dump', { name: 'productpage-v1-0.bookinfo' });
      expect(resources.map(({ typeUrl }) => typeUrl?.split('.').at(-1))).to.deep.equal([
        'BootstrapConfigDump',
        'ClustersConfigDump',
        'ListenersConfigDump',
        'ScopedRoutesConfigDump',
        'RoutesConfigDump',
        'SecretsConfigDump',
        'EcdsConfigDump',
      ]);
      const { dynamicActiveClusters = [] } = decode(
        'envoy.admin.v3.ClustersConfigDump',
        resources[1]?.value ?? new Uint8Array(),
      );
      const names = dynamicActiveClusters.map(
        ({ cluster }) => decode('envoy.config.cluster.v3.Cluster', cluster?.value ?? new Uint8Array()).name,
      );
      expect(names).to.include.members(['outbound|9080||reviews.bookinfo.svc.cluster.local', 'BlackHoleCluster']);
    });

    it('answers with nothing about a proxy that is connected elsewhere', async () => {
      expect((await mesh.ask('istio.io/debug/config_dump', { name: 'nobody.bookinfo' })).resources ?? []).to.deep.equal(
        [],
      );
      expect(text(await mesh.ask('istio.io/debug', { name: 'config_dump?proxyID=nobody.bookinfo' }))).to.contain(
        'Proxy not connected to this Pilot instance. It may be connected to another instance.',
      );
    });

    it('answers every page, and says what there is', async () => {
      const names = parse(await mesh.ask('istio.io/debug', { name: 'list' }));
      expect(names).to.include.members(['adsz', 'config_dump', 'endpointz', 'graphz', 'registryz', 'syncz']);
      expect(text(await mesh.ask('istio.io/debug', { name: 'nonsense' }))).to.equal('404 page not found\n');
      expect(text(await mesh.ask('istio.io/debug', { name: 'edsz' }))).to.contain(
        'You must provide a proxyID in the query string',
      );
    });

    it('answers one who asks in the delta protocol, on the stream of a proxy as well, once', async () => {
      const stream = openDelta(mesh.istiod.securePort, { credentials: meshCredentials(mesh.istiod, mesh.shown) });
      stream.send({ node: gatewayNode(), typeUrl: CLUSTER_URL });
      const clusters = await stream.next();
      stream.send({ typeUrl: CLUSTER_URL, responseNonce: clusters.nonce });
      stream.send({ typeUrl: 'istio.io/debug', resourceNamesSubscribe: ['connections'] });
      const answer = await stream.next();
      expect(answer.resources?.map(({ name }) => name)).to.deep.equal(['connections']);
      // An acknowledgement is no new question: the next answer is that to the next question.
      stream.send({ typeUrl: 'istio.io/debug', responseNonce: answer.nonce });
      stream.send({ typeUrl: 'istio.io/debug', resourceNamesSubscribe: ['list'] });
      expect((await stream.next()).resources?.map(({ name }) => name)).to.deep.equal(['list']);
      stream.close();
      await eventually(
        async () => parse(await mesh.ask('istio.io/debug', { name: 'connections' })),
        (connections) => expect(connections).to.have.property('totalClients', 2),
      );
    });

    const refusals: readonly [string, () => Promise<unknown>, RegExp][] = [
      [
        'a token for another audience',
        async () =>
          mesh.ask('istio.io/debug/syncz', { token: await mesh.istiod.token('istio-system', 'default', 'other') }),
        /UNAUTHENTICATED/,
      ],
      [
        'a token that somebody changed',
        () => mesh.ask('istio.io/debug/syncz', { token: forge(mesh.administrator) }),
        /UNAUTHENTICATED/,
      ],
      ['no token', () => mesh.ask('istio.io/debug/syncz', { token: '' }), /UNAUTHENTICATED/],
      [
        'claims that the token does not prove',
        () => mesh.ask('istio.io/debug/syncz', { token: mesh.tenant }),
        /PERMISSION_DENIED node claims namespace "istio-system", its credential proves "other"/,
      ],
      [
        'a page about the whole mesh, asked by a tenant',
        () => mesh.ask('istio.io/debug', { name: 'registryz', token: mesh.tenant, node: toolNode('other') }),
        /PERMISSION_DENIED registryz is for identities of the control plane/,
      ],
      ['two questions in one', () => mesh.ask('istio.io/debug'), /INVALID_ARGUMENT exactly one/],
      [
        'a kind of question that nobody answers',
        () => mesh.ask('istio.io/debug/secrets', { name: 'x' }),
        /INVALID_ARGUMENT no questions/,
      ],
    ];
    for (const [what, attempt, expected] of refusals) {
      it(`refuses ${what}`, async () => {
        const outcome = await attempt().then(
          () => 'answered',
          (error: Error) => error.message,
        );
        expect(outcome).to.match(expected);
      });
    }

    it('refuses a proxy whose node claims another namespace or service account than its token proves', async () => {
      for (const [namespace, account] of [
        ['bookinfo', 'default'],
        ['other', 'admin'],
      ] as const) {
        const stream = openDelta(mesh.istiod.securePort, {
          credentials: meshCredentials(mesh.istiod),
          token: mesh.tenant,
        });
        stream.send({ node: sidecarNode('web', namespace, { SERVICE_ACCOUNT: account }), typeUrl: CLUSTER_URL });
        const { code, details } = await stream.ended;
        stream.close();
        expect(code).to.equal(status.PERMISSION_DENIED);
        expect(details).to.match(/^node claims .* "(bookinfo|admin)", its credential proves "(other|default)"$/);
      }
    });

    it('tells a tenant of the proxies of its own namespace only', async () => {
      const token = await mesh.istiod.token('bookinfo', 'default');
      const node = toolNode('bookinfo');
      const { resources = [] } = await mesh.ask('istio.io/debug/syncz', { token, node });
      expect(resources).to.have.length(1);
      expect(
        (await mesh.ask('istio.io/debug/config_dump', { name: 'istio-ingressgateway-0.istio-system', token, node }))
          .resources ?? [],
      ).to.deep.equal([]);
      expect(
        (await mesh.ask('istio.io/debug/config_dump', { name: 'productpage-v1-0.bookinfo', token, node })).resources,
      ).to.have.length(7);
      const other = await mesh.ask('istio.io/debug/syncz', { token: mesh.tenant, node: toolNode('other') });
      expect(other.resources ?? []).to.deep.equal([]);
    });
  });

  describe('over HTTP', () => {
    it('needs a token of the right audience or a certificate of the mesh', async () => {
      expect(await mesh.get('/debug/syncz')).to.include({ status: 401 });
      expect(await mesh.get('/debug/syncz', { tls: true })).to.include({ status: 401 });
      expect(await mesh.get('/debug/syncz', { token: 'x.y.z' })).to.include({ status: 401 });
      const token = await mesh.istiod.token('istio-system', 'default', 'other');
      expect(await mesh.get('/debug/syncz', { token })).to.include({ status: 401 });
      expect(await mesh.get('/debug/syncz', { token: mesh.administrator })).to.include({ status: 200 });
      expect(await mesh.get('/debug/syncz', { token: mesh.administrator, tls: true })).to.include({ status: 200 });
      expect(await mesh.get('/debug/syncz', { shown: mesh.shown })).to.include({ status: 200 });
    });

    it('answers a forwarded port without an identity, where loopback is the pod alone', async () => {
      const pod = await startIstiod(mesh.api, { flags: ['--pod-ip=10.0.0.9', '--host-ip=10.0.0.1'] });
      try {
        const ask = (headers: Readonly<Record<string, string>> = {}) =>
          new Promise<number | undefined>((resolve, reject) => {
            const options = { host: '127.0.0.1', port: pod.monitoringPort, path: '/debug/registryz', headers };
            request(options, (response) => {
              response.resume();
              resolve(response.statusCode);
            })
              .on('error', reject)
              .end();
          });
        expect(await ask()).to.equal(200);
        expect(await ask({ host: 'localhost:15014' })).to.equal(200);
        // A page in the browser of whoever forwards the port comes under a name of its own.
        expect(await ask({ host: 'attacker.example' })).to.equal(401);
        // Whoever shows credentials is who these prove.
        expect(await ask({ authorization: `Bearer ${mesh.tenant}` })).to.equal(403);
        expect(await ask({ authorization: 'Bearer x.y.z' })).to.equal(401);
      } finally {
        await pod.stop();
      }
    });

    it('keeps metrics and version open, with and without TLS', async () => {
      for (const tls of [false, true]) {
        const { text: metrics } = await mesh.get('/metrics', { tls });
        expect(metrics).to.match(/^pilot_xds\{.*\} 1$/m);
        expect(metrics).to.match(/^pilot_xds_pushes\{type="cds"\} [1-9]/m);
        expect(metrics).to.match(/^pilot_xds_push_time_count\{type="cds"\} [1-9]/m);
        expect(metrics).to.match(/^pilot_total_xds_rejects\{type="sds"\} [1-9]/m);
        expect(metrics).to.match(/^pilot_total_xds_internal_errors 0$/m);
        expect(metrics).to.match(/^pilot_k8s_reg_events\{type="Services",event="add"\} [1-9]/m);
        expect(metrics).to.match(/^pilot_k8s_cfg_events\{type="VirtualService",event="add"\} 2$/m);
        expect(metrics).to.match(/^pilot_services [4-9]$/m);
        expect(metrics).to.match(/^pilot_virt_services 2$/m);
        expect(metrics).to.match(/^pilot_info\{version="[^"]+"\} 1$/m);
        const version = await mesh.get('/version', { tls });
        expect(version).to.include({ status: 200 });
        // As istioctl writes paths.
        expect(await mesh.get('//version', { tls })).to.deep.equal(version);
      }
    });

    it('counts what proxies were served something new for', async () => {
      const ports = [{ name: 'http', port: 80 }];
      const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'late', namespace: 'bookinfo' } };
      await mesh.api.kubectl(
        ['apply', '--server-side', '-f', '-'],
        JSON.stringify({ ...service, spec: { selector: { app: 'late' }, ports } }),
      );
      await eventually(
        () => mesh.get('/metrics'),
        ({ text }) => expect(text).to.match(/^pilot_push_triggers\{type="service"\} [1-9]/m),
      );
      await mesh.api.kubectl(['delete', 'service', 'late', '-n', 'bookinfo']);
    });

    it('shows a tenant its own proxies and nothing of the mesh', async () => {
      const token = await mesh.istiod.token('bookinfo', 'default');
      for (const name of ['registryz', 'endpointz', 'configz', 'graphz', 'mesh', 'clusterz'])
        expect(await mesh.get(`/debug/${name}`, { token }), name).to.include({ status: 403 });
      const proxies = JSON.parse((await mesh.get('/debug/syncz', { token })).text) as { proxy: string }[];
      expect(proxies.map(({ proxy }) => proxy)).to.deep.equal(['productpage-v1-0.bookinfo']);
      expect(await mesh.get('/debug/config_dump?proxyID=istio-ingressgateway-0.istio-system', { token })).to.include({
        status: 404,
      });
      const dump = '/debug/config_dump?proxyID=productpage-v1-0.bookinfo';
      expect(await mesh.get(dump, { token })).to.include({ status: 200 });
      // Naming a type again and again asks for no more.
      expect(await mesh.get(`${dump}&types=${'cds,'.repeat(5_000)}`, { token })).to.deep.equal(
        await mesh.get(`${dump}&types=cds`, { token }),
      );
      expect(await mesh.get('/debug/syncz', { token: mesh.tenant })).to.deep.equal({ status: 200, text: '[]' });
      const listed = JSON.parse((await mesh.get('/debug', { token })).text) as { path: string }[];
      expect(listed.map(({ path }) => path))
        .to.include('/debug/syncz')
        .and.not.include('/debug/registryz');
    });

    it('survives whatever stands in a request line', async () => {
      const lines = [
        'GET // HTTP/1.1',
        'GET /debug//../%zz?proxyID=% HTTP/1.1',
        'GET http://[/debug HTTP/1.1',
        'GET /debug/config_dump?proxyID=%ff&types=__proto__ HTTP/1.1',
        'GET /debug/__proto__ HTTP/1.1',
        'POST /debug HTTP/1.1',
        'no request at all',
      ];
      for (const line of lines) {
        await new Promise<void>((resolve) => {
          const socket = connectTcp(mesh.istiod.monitoringPort, '127.0.0.1', () =>
            socket.end(
              `${line}\r\nhost: x\r\nauthorization: Bearer ${mesh.administrator}\r\nconnection: close\r\n\r\n`,
            ),
          );
          socket.on('error', () => undefined);
          socket.on('close', () => resolve());
          socket.resume();
        });
      }
      const handshake = connectTcp(mesh.istiod.monitoringPort, '127.0.0.1', () =>
        handshake.write('\x16\x03\x01 is none'),
      );
      await new Promise((resolve) => handshake.once('connect', resolve));
      expect(await mesh.get('/version')).to.include({ status: 200 });
      handshake.destroy();
    });

    it('lists services and endpoints as Istio does', async () => {
      const services = (await page('/debug/registryz')) as Record<string, unknown>[];
      const reviews = services.find(({ hostname }) => hostname === 'reviews.bookinfo.svc.cluster.local');
      expect(reviews).to.deep.include({
        ports: [{ name: 'http', port: 9080, protocol: 'HTTP' }],
        clusterVIPs: { Addresses: { Kubernetes: ['10.96.0.20'] } },
        defaultAddress: '10.96.0.20',
        Resolution: 0,
        MeshExternal: false,
      });
      expect(reviews?.Attributes).to.deep.include({
        ServiceRegistry: 'Kubernetes',
        Name: 'reviews',
        Namespace: 'bookinfo',
        LabelSelectors: { app: 'reviews' },
      });
      const endpoints = (await page('/debug/endpointz')) as Record<
        string,
        Record<string, { Shards: Record<string, unknown[]> }>
      >;
      const shards = endpoints['ratings.bookinfo.svc.cluster.local']?.bookinfo?.Shards['Kubernetes/Kubernetes'];
      expect(shards).to.have.length(1);
      expect(shards?.[0]).to.deep.include({
        Addresses: ['10.1.0.5'],
        ServicePortName: 'http',
        EndpointPort: 9080,
        TLSMode: 'istio',
        HealthStatus: 1,
      });
    });

    it('shows the configuration in force', async () => {
      const configs = (await page('/debug/configz')) as { kind: string; metadata: { name: string } }[];
      expect(configs.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).to.have.members([
        'DestinationRule/reviews',
        'Gateway/bookinfo',
        'VirtualService/bookinfo',
        'VirtualService/reviews',
      ]);
    });

    it('says what depends on what', async () => {
      const graph = (await page('/debug/graphz')) as {
        nodes: number;
        edges: number;
        views: object;
        classes: object;
        gateways: object;
      };
      expect(graph.nodes).to.be.above(50);
      expect(graph.edges).to.be.above(graph.nodes / 2);
      expect(Object.values(graph.views)).to.deep.equal([1, 1]);
      expect(Object.values(graph.classes)).to.deep.equal([1]);
      expect(Object.values(graph.gateways)).to.deep.equal([1]);

      const input = 'destinationRules[Kubernetes/bookinfo/reviews]';
      const node = (await page(
        `/debug/graphz?node=${encodeURIComponent('endpointSlices.service[Kubernetes/bookinfo/ratings]')}`,
      )) as { dependents: string[] };
      expect(node.dependents).to.include('serviceEndpoints(bookinfo/ratings.bookinfo.svc.cluster.local)');
      const endpoints = (await page(
        `/debug/graphz?node=${encodeURIComponent('serviceEndpoints(bookinfo/ratings.bookinfo.svc.cluster.local)')}`,
      )) as { dependencies: string[]; dependencyCount: number };
      expect(endpoints.dependencies).to.include('endpointSlices.service[Kubernetes/bookinfo/ratings]');
      expect(endpoints.dependencyCount).to.equal(endpoints.dependencies.length);
      expect(
        await mesh.get(`/debug/graphz?node=${encodeURIComponent(`${input}x`)}`, { token: mesh.administrator }),
      ).to.include({
        status: 404,
      });

      const names = (source: { kind: string; name: string }) => `${source.kind}/${source.name}`;
      const proxy = (await page('/debug/graphz?proxyID=productpage-v1-0.bookinfo')) as {
        view: string;
        sources: { kind: string; name: string }[];
      };
      expect(proxy.view).to.contain('ns=bookinfo');
      expect(proxy.sources.map(names)).to.include.members(['DestinationRule/reviews', 'VirtualService/reviews']);
      const blamed = (await page(
        '/debug/graphz?proxyID=productpage-v1-0.bookinfo&type=cds&name=outbound%7C9080%7Cv1%7Creviews.bookinfo.svc.cluster.local',
      )) as typeof proxy;
      expect(blamed.sources.map(names)).to.deep.equal(['DestinationRule/reviews']);
      const affected = (await page('/debug/graphz?resource=Gateway/Kubernetes/bookinfo/bookinfo')) as {
        proxies: string[];
      };
      expect(affected.proxies.map((id) => id.split('.')[0])).to.deep.equal(['istio-ingressgateway-0']);
    });
  });

  it('never shows a private key or a token, wherever one looks', async () => {
    const certificate = Buffer.from(CERTIFICATE).toString('base64');
    await eventually(
      () => mesh.get('/debug/config_dump?proxyID=istio-ingressgateway-0.istio-system', { token: mesh.administrator }),
      (dump) => expect(dump.text).to.contain(certificate),
    );
    const listed = (await page('/debug')) as { path: string }[];
    expect(listed).to.have.length.above(10);
    const seen: string[] = [mesh.istiod.log(), (await mesh.get('/metrics')).text];
    for (const { path } of listed) {
      for (const query of [
        '',
        '?proxyID=istio-ingressgateway-0.istio-system',
        '?proxyID=istio-ingressgateway-0.istio-system&types=sds&include_eds',
      ])
        seen.push((await mesh.get(`${path}${query}`, { token: mesh.administrator })).text);
    }
    for (const query of ((await page('/debug/graphz')) as { queries: Record<string, unknown> }).queries
      ? ['translate.secret', 'gatewaySecret']
      : [])
      seen.push((await mesh.get(`/debug/graphz?query=${query}`, { token: mesh.administrator })).text);
    for (const [type, name] of [
      ['syncz', undefined],
      ['config_dump', 'istio-ingressgateway-0.istio-system'],
    ] as const) {
      const { resources = [] } = await mesh.ask(`istio.io/debug/${type}`, { ...(name === undefined ? {} : { name }) });
      seen.push(...resources.map(({ value }) => Buffer.from(value ?? []).toString('latin1')));
    }
    const everything = seen.join('\n');
    // The search finds what is there.
    expect(everything).to.contain(certificate);
    const key = await mesh.api.kubectl([
      'get',
      'secret',
      'istio-ca-secret',
      '-n',
      'istio-system',
      '-o',
      'jsonpath={.data.ca-key\\.pem}',
    ]);
    const canaries = [
      CANARY,
      ...Buffer.from(key, 'base64')
        .toString()
        .split('\n')
        .filter((line) => line.length > 40),
      mesh.administrator,
      mesh.tenant,
      mesh.shown.key.split('\n')[1] ?? '',
    ];
    expect(canaries).to.have.length.above(4);
    for (const canary of canaries) {
      for (const form of [canary, ...base64Forms(canary)]) expect(everything.includes(form), form).to.equal(false);
    }
  });
});

/** The token with another name in it, signed as before. */
function forge(token: string): string {
  const [header, payload = '', signature] = token.split('.');
  const claims = Buffer.from(payload, 'base64url').toString().replaceAll('default', 'istiod');
  return [header, Buffer.from(claims).toString('base64url'), signature].join('.');
}

/** What a text looks like somewhere inside a longer text in base64, at each of the three alignments. */
function base64Forms(text: string): readonly string[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.from('x'.repeat(shift) + text)
      .toString('base64')
      .replace(/=+$/, '');
    return encoded.slice(shift === 0 ? 0 : 4, -4);
  });
}
