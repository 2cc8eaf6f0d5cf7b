import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { startApplication } from '#test/support/application.ts';
import { type Cluster, eventually } from '#test/support/cluster.ts';
import { useMesh } from '#test/support/mesh.ts';

const namespace = 'protocols';
const host = 'server';

/** Service port, its name (which declares the protocol) and the container's port. */
const ports = [
  { name: 'http', port: 81, targetPort: 9001 },
  { name: 'http2-web', port: 82, targetPort: 9002 },
  { name: 'grpc', port: 83, targetPort: 9002 },
  { name: 'tcp-greeting', port: 84, targetPort: 9003 },
  { name: 'web', port: 85, targetPort: 9005 },
  { name: 'echo', port: 86, targetPort: 9004 },
  { name: 'streams', port: 87, targetPort: 9006 },
];

const workload = (name: string, command: readonly string[]) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name, version: 'v1' } },
      spec: {
        serviceAccountName: name,
        containers: [{ name: 'app', image: 'localhost/lateen/bookinfo:1', imagePullPolicy: 'IfNotPresent', command }],
      },
    },
  },
});

/** Nothing but mutual TLS gets in, so whatever is answered came over it. */
const strict = {
  apiVersion: 'security.istio.io/v1',
  kind: 'PeerAuthentication',
  metadata: { name: 'strict' },
  spec: { mtls: { mode: 'STRICT' } },
};

const account = (name: string) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } });

describe('protocols between sidecars, with mutual TLS as the only way in', () => {
  let cluster: Cluster;
  let client: string;

  before(async function () {
    this.timeout(600_000);
    ({ cluster } = await useMesh());
    const server = await readFile(join(import.meta.dirname, 'protocol-server.cjs'), 'utf8');
    client = await readFile(join(import.meta.dirname, 'protocol-client.cjs'), 'utf8');
    await startApplication(cluster, namespace, { 'istio-injection': 'enabled' }, [
      account('client'),
      account('server'),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: host },
        spec: { selector: { app: 'server' }, ports, ipFamilyPolicy: 'PreferDualStack' },
      },
      workload('server', ['node', '-e', server]),
      workload('client', ['sleep', 'infinity']),
    ]);
    await cluster.apply([strict], namespace);
    await cluster.kubectl([
      'wait',
      'peerauthentication/strict',
      '-n',
      namespace,
      '--for=condition=Programmed',
      '--timeout=60s',
    ]);
    await eventually('the client knows the server', async () =>
      (await curl(`http://${host}:81/`)).includes('"version"') ? true : undefined,
    );
  });
  after(() => cluster.kubectl(['delete', 'namespace', namespace, '--wait=true']));

  const execute = (command: readonly string[]) => cluster.exec(namespace, 'deploy/client', 'app', command);
  const curl = (url: string, ...options: readonly string[]) =>
    execute(['curl', '--silent', '--max-time', '10', '--globoff', ...options, url]);
  const call = async (kind: string, port: number): Promise<Record<string, unknown>> =>
    JSON.parse(await execute(['node', '-e', client, kind, host, String(port)])) as Record<string, unknown>;

  /** The value of a counter of the server's sidecar whose labels contain all of these. */
  async function count(metric: string, ...labels: readonly string[]): Promise<number> {
    const text = await cluster.exec(namespace, 'deploy/server', 'app', [
      'curl',
      '--silent',
      'http://127.0.0.1:15020/stats/prometheus',
    ]);
    const samples = text
      .split('\n')
      .filter((line) => line.startsWith(`${metric}{`) && labels.every((label) => line.includes(label)));
    return samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  const overMtls = [
    'connection_security_policy="mutual_tls"',
    'source_principal="spiffe://cluster.local/ns/protocols/sa/client"',
    'destination_principal="spiffe://cluster.local/ns/protocols/sa/server"',
  ];
  const seesClient = 'URI=spiffe://cluster.local/ns/protocols/sa/client';

  it('carry HTTP/1.1, and the server sees who called', async () => {
    const answer = JSON.parse(await curl(`http://${host}:81/`)) as { version: string; client: string };
    expect(answer.version).to.equal('1.1');
    expect(answer.client).to.contain(seesClient);
  });

  it('carry HTTP/2 from end to end', async () => {
    const { body } = await call('http2', 82);
    const answer = JSON.parse(String(body)) as { version: string; client: string };
    expect(answer.version).to.equal('2.0');
    expect(answer.client).to.contain(seesClient);
  });

  it('carry gRPC streams both ways, with trailers', async () => {
    const before = await count('istio_requests_total', ...overMtls, 'request_protocol="grpc"');
    expect(await call('grpc', 83)).to.deep.equal({ received: ['one', 'two', 'three'], status: '0' });
    await eventually('the stream is counted as gRPC over mutual TLS', async () =>
      (await count('istio_requests_total', ...overMtls, 'request_protocol="grpc"')) > before ? true : undefined,
    );
  });

  it('carry TCP where the server speaks first', async () => {
    expect(await call('serverFirst', 84)).to.deep.equal({ text: 'hello\nping\n' });
  });

  it('detect HTTP and TCP on ports that declare nothing, and the server sees who sent the HTTP', async () => {
    const overHttp1 = JSON.parse(await curl(`http://${host}:85/`)) as { version: string; client: string };
    expect(overHttp1.version).to.equal('1.1');
    expect(overHttp1.client).to.contain(seesClient);
    const overHttp2 = JSON.parse(String((await call('http2', 87)).body)) as { version: string; client: string };
    expect(overHttp2.version).to.equal('2.0');
    expect(overHttp2.client).to.contain(seesClient);
    expect(await call('clientFirst', 86)).to.deep.equal({ text: 'ping\n' });
  });

  it('reach a dual-stack Service over both IP families', async () => {
    const addresses = JSON.parse(
      await cluster.kubectl(['get', 'service', host, '-n', namespace, '-o', 'jsonpath={.spec.clusterIPs}']),
    ) as string[];
    expect(addresses).to.have.length(2);
    for (const address of addresses) {
      const url = `http://${address.includes(':') ? `[${address}]` : address}:81/`;
      const answer = JSON.parse(await curl(url, '--header', `host: ${host}`)) as { client: string };
      expect(answer.client, `by ${address}`).to.contain(seesClient);
    }
  });

  it('pass requests to a host that the mesh does not know', async () => {
    const ip = await cluster.kubectl([
      'get',
      'pods',
      '-n',
      'istio-operator',
      '-l',
      'app=lateen-operator',
      '-o',
      'jsonpath={.items[0].status.podIP}',
    ]);
    expect(await curl(`http://${ip}:8080/healthz`)).to.equal('ok\n');
  });
});
