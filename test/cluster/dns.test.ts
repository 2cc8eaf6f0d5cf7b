import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { startApplication } from '#test/support/application.ts';
import { type Cluster, eventually } from '#test/support/cluster.ts';
import { useMesh } from '#test/support/mesh.ts';

const namespace = 'names';
const app = (name: string, command: readonly string[], annotations: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name, 'sidecar.istio.io/inject': String(name === 'client') }, annotations },
      spec: {
        containers: [{ name: 'app', image: 'localhost/lateen/bookinfo:1', imagePullPolicy: 'IfNotPresent', command }],
      },
    },
  },
});

/** Hosts that no DNS server in the world knows. Ports of TCP can be told apart only by the address. */
const entry = (name: string, address: string) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: { name },
  spec: {
    hosts: [`${name}.external.example`],
    resolution: 'STATIC',
    ports: [{ number: 5432, name: 'tcp', protocol: 'TCP', targetPort: 9003 }],
    endpoints: [{ address }],
  },
});

describe('names in a pod with captured DNS', () => {
  let cluster: Cluster;
  let protocolClient: string;

  before(async function () {
    this.timeout(600_000);
    ({ cluster } = await useMesh());
    const server = await readFile(join(import.meta.dirname, 'protocol-server.cjs'), 'utf8');
    protocolClient = await readFile(join(import.meta.dirname, 'protocol-client.cjs'), 'utf8');
    const capture = { 'proxy.istio.io/config': 'proxyMetadata: {ISTIO_META_DNS_CAPTURE: "true"}' };
    await startApplication(cluster, namespace, { 'istio-injection': 'enabled' }, [
      app('server', ['node', '-e', server], {}),
      app('client', ['sleep', 'infinity'], capture),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'server' },
        spec: { selector: { app: 'server' }, ports: [{ name: 'http', port: 80, targetPort: 9001 }] },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'elsewhere' },
        spec: { type: 'ExternalName', externalName: 'kube-dns.kube-system.svc.cluster.local' },
      },
    ]);
    const ip = await cluster.kubectl([
      'get',
      'pods',
      '-n',
      namespace,
      '-l',
      'app=server',
      '-o',
      'jsonpath={.items[0].status.podIP}',
    ]);
    await cluster.apply([entry('db', ip), entry('other', ip)], namespace);
  });
  after(() => cluster.kubectl(['delete', 'namespace', namespace, '--wait=true']));

  const inClient = (...command: readonly string[]) => cluster.exec(namespace, 'deploy/client', 'app', command);
  /** As every program of the pod resolves it: by the system's resolver, its search list included; empty when it can't. */
  const lookUp = async (name: string): Promise<string> => {
    const script = `require('node:dns').lookup('${name}', { family: 4 }, (error, address) => console.log(address ?? ''))`;
    return (await inClient('node', '-e', script)).trim();
  };
  const clusterIp = (name: string, of = namespace) =>
    cluster.kubectl(['get', 'service', name, '-n', of, '-o', 'jsonpath={.spec.clusterIP}']);

  it('lead to the addresses that were allocated for hosts of ServiceEntries, and there to the right host', async () => {
    const address = await eventually('an address for the host', async () => {
      const found = await lookUp('db.external.example');
      return found === '' ? undefined : found;
    });
    expect(address).to.match(/^240\.240\./);
    expect(await lookUp('other.external.example'))
      .to.match(/^240\.240\./)
      .and.not.equal(address);
    const answer = await inClient('node', '-e', protocolClient, 'serverFirst', 'db.external.example', '5432');
    expect(JSON.parse(answer)).to.deep.equal({ text: 'hello\nping\n' });
  });

  it('lead to Services by their short names', async () => {
    expect(await lookUp('server')).to.equal(await clusterIp('server'));
    expect(await lookUp('server.names')).to.equal(await clusterIp('server'));
    expect(JSON.parse(await inClient('curl', '--silent', '--max-time', '10', 'http://server/'))).to.have.property(
      'version',
    );
  });

  it('lead to what only the cluster’s own DNS server knows', async () => {
    expect(await lookUp('elsewhere')).to.equal(await clusterIp('kube-dns', 'kube-system'));
    const script = `require('node:dns').resolveSrv('_http._tcp.server.names.svc.cluster.local', (error, found) => console.log(error?.code ?? found[0].port))`;
    expect((await inClient('node', '-e', script)).trim()).to.equal('80');
    expect(await lookUp('nowhere.external.example')).to.equal('');
  });

  it('are answered by the agent, which counts them', async () => {
    const metrics = await inClient('curl', '--silent', 'http://127.0.0.1:15020/stats/prometheus');
    const value = (name: string) => Number(new RegExp(`^istio_agent_dns_${name} (\\d+)$`, 'm').exec(metrics)?.[1]);
    expect(value('requests_total')).to.be.above(5);
    expect(value('upstream_requests_total')).to.be.above(0).and.below(value('requests_total'));
    expect(value('names')).to.be.above(5);
  });
});
