import { expect } from 'chai';
import { enterNamespaces, findProcesses } from '#hack/cluster/index.ts';
import { sampleImages } from '#hack/images/index.ts';
import { runCommand } from '#hack/setup/index.ts';
import { LateenError } from '#runtime/core/index.ts';
import { type Cluster, eventually, useCluster } from '#test/support/cluster.ts';

describe('the local cluster', () => {
  let cluster: Cluster;
  const namespace = 'local-cluster';

  before(async () => {
    cluster = await useCluster();
    await cluster.load(await sampleImages(() => undefined));
    await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
    await cluster.apply([echo, echoService], namespace);
    await cluster.kubectl(['wait', '-n', namespace, '--for=condition=Available', '--timeout=60s', 'deployment/echo']);
  });
  after(() => cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']));

  /** A new Service is reached once kube-proxy has written its rules, by name once the DNS server knows it. */
  const untilAnswered = async (what: string, id: number, ask: () => Promise<string>) => {
    const body = await eventually(`an answer from ${what}`, async () => {
      try {
        return await ask();
      } catch (error) {
        if (error instanceof LateenError && error.code === 'internal') return undefined;
        throw error;
      }
    });
    expect(JSON.parse(body)).to.include({ id });
  };
  const curl = ['curl', '--silent', '--globoff', '--max-time', '5'];

  it('resolves and reaches a Service from a pod over both IP families', async () => {
    const addresses = await serviceAddresses(cluster, namespace);
    expect(addresses).to.have.length(2);
    for (const host of [...addresses.map(bracket), 'echo']) {
      const url = `http://${host}:9080/details/7`;
      await untilAnswered(url, 7, () => cluster.exec(namespace, 'deploy/echo', 'echo', [...curl, url]));
    }
  });

  it("lets the node's own programs reach a Service, as the API server does with webhooks", async () => {
    for (const address of await serviceAddresses(cluster, namespace)) {
      const url = `http://${bracket(address)}:9080/details/9`;
      const [program = '', ...parameters] = enterNamespaces(cluster.layout, [...curl, url]);
      await untilAnswered(url, 9, () => runCommand(program, parameters));
    }
  });

  it('gives a LoadBalancer an address that the host reaches', async () => {
    const address = await eventually('an address', async () => {
      const path = 'jsonpath={.status.loadBalancer.ingress[0].ip}';
      return (await cluster.kubectl(['get', 'service', 'echo', '-n', namespace, '-o', path])) || undefined;
    });
    const status = await eventually('an answer', async () => {
      try {
        return (await fetch(`http://${address}:9080/health`)).status;
      } catch (error) {
        // kube-proxy has yet to write the rules of a new address.
        if (error instanceof TypeError) return undefined;
        throw error;
      }
    });
    expect(status).to.equal(200);
  });

  it('lets no packet out of its network namespace', async () => {
    const routes = await cluster.exec(namespace, 'deploy/echo', 'echo', [
      'sh',
      '-c',
      'curl -s -m 2 http://192.0.2.1/; echo $?',
    ]);
    expect(routes.trim()).to.be.oneOf(['7', '28']);
  });

  it('comes back after its API server was killed, with everything that was stored', async () => {
    const pod = await cluster.kubectl(['get', 'pods', '-n', namespace, '-o', 'name']);
    await cluster.kill('kube-apiserver');
    expect(await findProcesses(cluster.layout, 'kube-apiserver')).to.deep.equal([]);
    await cluster.restart('kube-apiserver');
    expect(await cluster.kubectl(['get', 'pods', '-n', namespace, '-o', 'name'])).to.equal(pod);
  });
});

/** An address as it stands in a URL. */
const bracket = (address: string) => (address.includes(':') ? `[${address}]` : address);

const labels = { app: 'echo' };

const echo = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'echo' },
  spec: {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [
          {
            name: 'echo',
            image: 'localhost/lateen/bookinfo:1',
            imagePullPolicy: 'Never',
            args: ['details'],
            readinessProbe: { httpGet: { path: '/health', port: 9080 }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
};

const echoService = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'echo' },
  spec: {
    type: 'LoadBalancer',
    ipFamilyPolicy: 'RequireDualStack',
    selector: labels,
    ports: [{ name: 'http', port: 9080 }],
  },
};

async function serviceAddresses(cluster: Cluster, namespace: string): Promise<string[]> {
  const path = 'jsonpath={.spec.clusterIPs[*]}';
  return (await cluster.kubectl(['get', 'service', 'echo', '-n', namespace, '-o', path])).split(' ');
}
