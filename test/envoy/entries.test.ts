import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { RunningEnvoy } from '#test/support/envoy.ts';
import { eventually } from '#test/support/eventually.ts';
import { MeshNetwork } from '#test/support/meshnetwork.ts';
import { type NameServer, startNameServer } from '#test/support/nameserver.ts';
import { NetworkPair } from '#test/support/netns.ts';
import { askFrom, startClient } from '#test/support/redirected.ts';

/** Nobody has this address: whatever gets an answer was led elsewhere by the sidecar. */
const NOWHERE = '10.99.99.99';
const [A, B, C] = ['10.98.0.3', '10.98.0.4', '10.98.0.5'] as const;
/** In the same network, and nobody's. */
const SILENT = '10.98.0.77';

const entry = (name: string, spec: string) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: bookinfo}
spec: ${spec}
---`;
const http = 'ports: [{number: 80, name: http, protocol: HTTP}]';
const tls = 'ports: [{number: 443, name: tls, protocol: TLS}]';

/** HTTP and TLS servers: each answers with the address and port it was reached at, and the name the client greeted. */
const servers = (certificate: { readonly key: string; readonly cert: string }) => `
  const certificate = ${JSON.stringify(certificate)};
  const plain = [80, 8080, 9000];
  let open = plain.length + 1;
  const ready = () => { if (--open === 0) console.log('ready'); };
  const answer = (request, response) => {
    const { localAddress, localPort, servername } = request.socket;
    response.end(JSON.stringify({ at: localAddress + ':' + localPort, host: request.headers.host, servername }));
  };
  for (const port of plain) require('node:http').createServer(answer).listen(port, '0.0.0.0', ready);
  require('node:https').createServer(certificate, answer).listen(443, '0.0.0.0', ready);`;

const onSocket = (path: string) => `
  require('node:http').createServer((request, response) => response.end(JSON.stringify({ at: 'socket' })))
    .listen(${JSON.stringify(path)}, () => { require('node:fs').chmodSync(${JSON.stringify(path)}, 0o777); console.log('ready'); });`;

interface Answer {
  readonly status: number;
  readonly at?: string;
  readonly host?: string;
  readonly servername?: string;
}

describe('ServiceEntries on a sidecar with real redirection, where nothing else may pass', () => {
  let network: NetworkPair;
  let mesh: MeshNetwork;
  let names: NameServer;
  let folder: string;
  let sidecar: RunningEnvoy;
  const stops: (() => Promise<void>)[] = [];

  before(async function () {
    this.timeout(60_000);
    network = await NetworkPair.create();
    for (const address of [A, B, C]) await network.addPeerAddress(address);
    names = await startNameServer(network, {});
    mesh = await MeshNetwork.start();
    folder = await mkdtemp(join(tmpdir(), 'lateen-socket-'));
    await chmod(folder, 0o755);
    const { chain, privateKey } = mesh.authority.issueServer(['*.example.com']);
    stops.push(await network.serve('peer', servers({ key: privateKey, cert: chain.join('') }), 0));
    stops.push(await network.serve('pod', onSocket(join(folder, 'api.sock')), 0));
    mesh.pipeline.objects.applyMeshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' }, dnsRefreshRate: '1s' });
    sidecar = await startClient(mesh, network);
  });

  after(async () => {
    await mesh?.stop();
    for (const stop of stops) await stop();
    await names?.stop();
    await network?.remove();
    if (folder) await rm(folder, { recursive: true });
  });

  afterEach(() => {
    expect(mesh.rejections).to.deep.equal([]);
    expect(mesh.pipeline.faults).to.deep.equal([]);
  });

  /** A request of the application; status 0 when there was no answer. */
  const ask = async (url: string, headers: Record<string, string> = {}, servername?: string): Promise<Answer> => {
    const options = { headers, rejectUnauthorized: false, ...(servername ? { servername } : {}) };
    return await askFrom<Answer>(network, 'pod', url, options);
  };
  const askHost = (host: string, url = `http://${NOWHERE}/`) => ask(url, { host });
  const askName = (servername: string, address: string = NOWHERE) => ask(`https://${address}/`, {}, servername);
  const answered = (at: string) => (answer: Answer) => expect(answer).to.include({ status: 200, at });

  it('refuses what nobody declares', async () => {
    expect((await askHost('unknown.example.com', `http://${A}/`)).status).not.to.equal(200);
    expect((await askName('unknown.example.com', A)).status).to.equal(0);
  });

  it('leads HTTP to the endpoints that it lists, on their ports', async () => {
    mesh.pipeline.objects.apply(
      entry(
        'static',
        `{hosts: [static.example.com], resolution: STATIC, ${http}, endpoints: [{address: ${A}, ports: {http: 8080}}]}`,
      ),
    );
    await eventually(() => askHost('static.example.com'), answered(`${A}:8080`));
  });

  it('takes weights as big as the API allows, of endpoints and of destinations', async () => {
    const big = 0xffff_ffff;
    const endpoints = [A, B].map((address) => ({ address, weight: big, ports: { http: 8080 } }));
    const destination = { host: 'big.example.com', port: { number: 80 } };
    const weighed = (weights: number[]) => weights.map((weight) => ({ destination, weight }));
    const most = 0x7fff_ffff;
    mesh.pipeline.objects.apply(
      [
        entry(
          'big',
          `{hosts: [big.example.com], resolution: STATIC, ${http}, endpoints: ${JSON.stringify(endpoints)}}`,
        ),
        entry(
          'bigger',
          `{hosts: [bigger.example.com], addresses: [10.99.4.1], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}, {number: 7000, name: tcp, protocol: TCP}], endpoints: [{address: ${C}}]}`,
        ),
        `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bigger, namespace: bookinfo}
spec:
  hosts: [bigger.example.com]
  http: [{route: ${JSON.stringify(weighed([most, most, 1]))}}]
  tcp: [{route: ${JSON.stringify(weighed([most, most, most]))}}]`,
      ].join('\n'),
    );
    const seen = new Set<string | undefined>();
    for (const target of [
      () => askHost('big.example.com'),
      () => askHost('bigger.example.com'),
      () => ask('http://10.99.4.1:7000/'),
    ])
      await eventually(target, ({ status, at }) => {
        expect(status).to.equal(200);
        expect(at).to.be.oneOf([`${A}:8080`, `${B}:8080`]);
      });
    await eventually(
      async () => seen.add((await askHost('big.example.com')).at),
      () => expect(seen).to.include.all.keys(`${A}:8080`, `${B}:8080`),
    );
  });

  it('leads to what its own namespace declares of a host, whoever declared it first, unless a Sidecar imports that alone', async () => {
    const declare = (namespace: string, port: number, address: string) =>
      entry(
        'shared',
        `{hosts: [shared.example.com], resolution: STATIC, ports: [{number: ${port}, name: http, protocol: HTTP}], endpoints: [{address: ${address}}]}`,
      ).replace(
        'namespace: bookinfo',
        `namespace: ${namespace}, creationTimestamp: "2026-01-0${port === 80 ? 1 : 2}T00:00:00Z"`,
      );
    const onPort = (port: number) => askHost('shared.example.com', `http://${NOWHERE}:${port}/`);
    const importing = (host: string) => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: bookinfo}
spec: {egress: [{hosts: ["${host}"]}]}`;
    const isElders = async () => {
      await eventually(() => onPort(80), answered(`${A}:80`));
      await eventually(
        () => onPort(8080),
        ({ status }) => expect(status).not.to.equal(200),
      );
    };
    const isOwn = async () => {
      await eventually(() => onPort(8080), answered(`${B}:8080`));
      await eventually(
        () => onPort(80),
        ({ status }) => expect(status).not.to.equal(200),
      );
    };
    mesh.pipeline.objects.apply(declare('elder', 80, A));
    await isElders();
    mesh.pipeline.objects.apply(declare('bookinfo', 8080, B));
    await isOwn();
    mesh.pipeline.objects.apply(importing('elder/*'));
    await isElders();
    mesh.pipeline.objects.apply(importing('./*'));
    await isOwn();
    mesh.pipeline.objects.delete('Sidecar', 'bookinfo', 'default');
    await isOwn();
  });

  it('leads requests on port 80 to a host that has another port only, where a VirtualService routes it', async () => {
    mesh.pipeline.objects.apply(
      entry(
        'ported',
        `{hosts: [ported.example.com], resolution: STATIC, ports: [{number: 8080, name: http, protocol: HTTP}], endpoints: [{address: ${A}}]}`,
      ),
    );
    await eventually(() => askHost('ported.example.com', `http://${NOWHERE}:8080/`), answered(`${A}:8080`));
    expect((await askHost('ported.example.com')).status).not.to.equal(200);
    mesh.pipeline.objects.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ported, namespace: bookinfo}
spec: {hosts: [ported.example.com], http: [{route: [{destination: {host: ported.example.com}}]}]}
`);
    await eventually(() => askHost('ported.example.com'), answered(`${A}:8080`));
  });

  it('leads connections to its addresses and blocks of addresses', async () => {
    mesh.pipeline.objects.apply(
      entry(
        'tcp',
        `{hosts: [tcp.example.com], resolution: STATIC, addresses: [10.99.1.1, 10.99.2.0/24], ports: [{number: 7000, name: tcp, protocol: TCP, targetPort: 9000}], endpoints: [{address: ${B}}]}`,
      ),
    );
    await eventually(() => ask('http://10.99.1.1:7000/'), answered(`${B}:9000`));
    await eventually(() => ask('http://10.99.2.77:7000/'), answered(`${B}:9000`));
    expect((await ask('http://10.99.3.1:7000/')).status).to.equal(0);
  });

  it('leads to a socket of the pod', async () => {
    mesh.pipeline.objects.apply(
      entry(
        'socket',
        `{hosts: [socket.example.com], resolution: STATIC, ${http}, endpoints: [{address: "unix://${join(folder, 'api.sock')}"}]}`,
      ),
    );
    await eventually(() => askHost('socket.example.com'), answered('socket'));
  });

  it('leads to what its name resolves to, and follows the answers', async () => {
    await names.answer({ 'dns.example.com': [A], 'one.example.com': [C] });
    mesh.pipeline.objects.apply(
      [
        entry('dns', `{hosts: [dns.example.com], resolution: DNS, ${http}}`),
        entry(
          'round',
          `{hosts: [round.example.com], resolution: DNS_ROUND_ROBIN, ${http}, endpoints: [{address: one.example.com, ports: {http: 8080}}]}`,
        ),
      ].join('\n'),
    );
    await eventually(() => askHost('dns.example.com'), answered(`${A}:80`));
    await eventually(() => askHost('round.example.com'), answered(`${C}:8080`));
    await names.answer({ 'dns.example.com': [B], 'one.example.com': [B] });
    await eventually(() => askHost('dns.example.com'), answered(`${B}:80`));
    await eventually(() => askHost('round.example.com'), answered(`${B}:8080`));
  });

  it('keeps to one of all the addresses of its name that answers, where the entry says so', async () => {
    await names.answer({ 'race.example.com': [SILENT, A] });
    const racing = entry('race', `{hosts: [race.example.com], resolution: DNS, ${http}}`).replace(
      'namespace: bookinfo',
      'namespace: bookinfo, annotations: {istio.io/connect-strategy: RACE_FIRST_TCP_CONNECT}',
    );
    mesh.pipeline.objects.apply(racing);
    await eventually(() => askHost('race.example.com'), answered(`${A}:80`));
    const clusters = (await sidecar.admin('/clusters')).split('\n');
    const hosts = clusters.filter((line) => /race\.example\.com::.*::rq_success::/.test(line));
    expect(hosts, 'one host with two addresses').to.have.length(1);
  });

  it('lets TLS to names below a wildcard go where it was meant to, and HTTP likewise', async () => {
    mesh.pipeline.objects.apply(
      entry(
        'none',
        '{hosts: ["*.none.example.com"], resolution: NONE, ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP, targetPort: 8080}]}',
      ),
    );
    await eventually(() => askName('a.none.example.com', C), answered(`${C}:443`));
    expect(await askName('a.none.example.com', B)).to.include({ at: `${B}:443`, servername: 'a.none.example.com' });
    expect((await askName('a.other.example.com', C)).status).to.equal(0);
    answered(`${C}:8080`)(await askHost('b.none.example.com', `http://${C}/`));
  });

  it('tells TLS services apart by name', async () => {
    mesh.pipeline.objects.apply(
      [
        entry('one', `{hosts: [one.example.com], resolution: STATIC, ${tls}, endpoints: [{address: ${A}}]}`),
        entry('two', `{hosts: [two.example.com], resolution: STATIC, ${tls}, endpoints: [{address: ${B}}]}`),
      ].join('\n'),
    );
    await eventually(() => askName('one.example.com'), answered(`${A}:443`));
    await eventually(() => askName('two.example.com'), answered(`${B}:443`));
  });

  it('looks up the name that each request or connection brings, below its wildcard only', async () => {
    await names.answer({
      ...{ 'a.dyn.example.com': [A], 'b.dyn.example.com': [B], 'elsewhere.example.com': [C] },
    });
    mesh.pipeline.objects.apply(
      entry(
        'dynamic',
        '{hosts: ["*.dyn.example.com"], resolution: DYNAMIC_DNS, ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]}',
      ),
    );
    await eventually(() => askHost('a.dyn.example.com'), answered(`${A}:80`));
    expect(await askHost('b.dyn.example.com:8080')).to.include({ at: `${B}:8080`, host: 'b.dyn.example.com:8080' });
    await eventually(() => askName('b.dyn.example.com'), answered(`${B}:443`));
    expect((await askName('elsewhere.example.com')).status).to.equal(0);
    expect((await askHost('missing.dyn.example.com')).status).to.equal(503);
    mesh.pipeline.objects.applyMeshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' }, dnsRefreshRate: '2s' });
    await mesh.converged();
    await eventually(() => askHost('a.dyn.example.com'), answered(`${A}:80`));
    await eventually(() => askName('b.dyn.example.com'), answered(`${B}:443`));
    answered(`${A}:8080`)(await askHost('static.example.com'));
  });

  it('looks up the hosts of requests that nobody declares, also on a port of services that speak TLS alone', async () => {
    await names.answer({ 'any.example.net': [B] });
    mesh.pipeline.objects.apply(
      entry(
        'secure',
        `{hosts: [secure.example.com], resolution: STATIC, ports: [{number: 9443, name: tls, protocol: TLS, targetPort: 443}], endpoints: [{address: ${A}}]}`,
      ),
    );
    mesh.pipeline.objects.applyMeshConfig({ outboundTrafficPolicy: { mode: 'ALLOW_ANY_DYNAMIC_DNS' } });
    await mesh.converged();
    answered(`${A}:443`)(await askName('secure.example.com', `${NOWHERE}:9443`));
    answered(`${B}:8080`)(await askHost('any.example.net:8080', `http://${C}:9443/`));
    mesh.pipeline.objects.applyMeshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' }, dnsRefreshRate: '1s' });
    await mesh.converged();
  });

  it('speaks TLS to hosts that nobody declares, where they are looked up and the mesh says so', async () => {
    await names.answer({ 'any.example.com': [B], 'any.example.org': [B] });
    const roots = join(folder, 'roots.pem');
    await writeFile(roots, mesh.authority.rootsPem);
    const policy = (tls: object) =>
      mesh.pipeline.objects.applyMeshConfig({ outboundTrafficPolicy: { mode: 'ALLOW_ANY_DYNAMIC_DNS', tls } });
    policy({ mode: 'SIMPLE', caCertificates: roots });
    const unknown = (host: string) => askHost(`${host}:443`, `http://${C}:8443/`);
    await eventually(
      () => unknown('any.example.com'),
      (answer) => expect(answer).to.include({ status: 200, at: `${B}:443`, servername: 'any.example.com' }),
    );
    expect((await unknown('any.example.org')).status, 'the certificate is for another name').to.equal(503);
    policy({ mode: 'SIMPLE', caCertificates: roots, sni: 'b.example.com', subjectAltNames: ['*.example.com'] });
    await eventually(
      () => unknown('any.example.org'),
      (answer) => expect(answer).to.include({ status: 200, servername: 'b.example.com' }),
    );
    mesh.pipeline.objects.applyMeshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' }, dnsRefreshRate: '1s' });
    await mesh.converged();
  });

  it('follows WorkloadEntries and their health', async () => {
    const workload = (name: string, address: string, healthy: boolean) => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: bookinfo, annotations: {proxy.istio.io/health-checks-enabled: "true"}}
spec: {address: ${address}, labels: {app: vm}, ports: {http: 8080}}
status: {conditions: [{type: Healthy, status: "${healthy ? 'True' : 'False'}"}]}
---`;
    mesh.pipeline.objects.apply(
      [
        entry(
          'vms',
          `{hosts: [vm.example.com], resolution: STATIC, location: MESH_INTERNAL, ${http}, workloadSelector: {labels: {app: vm}}}`,
        ),
        workload('a', A, true),
        workload('b', B, false),
      ].join('\n'),
    );
    await eventually(() => askHost('vm.example.com'), answered(`${A}:8080`));
    mesh.pipeline.objects.apply([workload('a', A, false), workload('b', B, true)].join('\n'));
    await eventually(() => askHost('vm.example.com'), answered(`${B}:8080`));
    mesh.pipeline.objects.delete('WorkloadEntry', 'bookinfo', 'b');
    await eventually(
      () => askHost('vm.example.com'),
      ({ status }) => expect(status).to.equal(503),
    );
  });

  it('counts under names of Istio’s form', async () => {
    const stats = await sidecar.admin('/clusters?format=json');
    for (const name of [
      'outbound|80||static.example.com',
      'outbound|443||*.dyn.example.com',
      'outbound|7000||tcp.example.com',
    ]) {
      expect(stats).to.contain(`"name": "${name}"`);
    }
  });
});
