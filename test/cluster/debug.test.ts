import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { kubectlPath } from '#hack/cluster/index.ts';
import { eventually } from '#test/support/cluster.ts';
import { type Mesh, useMesh } from '#test/support/mesh.ts';

const system = 'istio-system';

describe('debug pages of a control plane in a cluster', () => {
  let mesh: Mesh;

  before(async function () {
    this.timeout(600_000);
    mesh = await useMesh();
  });

  it('are there for whoever may forward a port, as tools do', async () => {
    const forwarding = spawn(
      kubectlPath(mesh.cluster.layout),
      ['--kubeconfig', mesh.cluster.kubeconfig, 'port-forward', '-n', system, 'deploy/istiod', ':15014'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    try {
      const port = await readPort(forwarding);
      const proxies = await eventually('the proxies of the sample', async () => {
        const response = await fetch(`http://localhost:${port}/debug/syncz`);
        expect(response.status).to.equal(200);
        const known = ((await response.json()) as { proxy: string }[]).map(({ proxy }) => proxy);
        return known.some((proxy) => proxy.includes('productpage')) ? known : undefined;
      });
      expect(proxies.some((proxy) => proxy.startsWith('istio-ingressgateway-'))).to.equal(true);
      const registry = await fetch(`http://localhost:${port}/debug/registryz`);
      expect(registry.status).to.equal(200);
    } finally {
      const exit = once(forwarding, 'exit');
      forwarding.kill();
      await exit;
    }
  });

  it('refuse a pod of the mesh that proves nothing, whatever name it asks for', async () => {
    for (const host of ['istiod.istio-system:15014', 'localhost']) {
      const status = await mesh.cluster.exec(mesh.namespace, 'deploy/productpage-v1', 'productpage', [
        ...['curl', '--silent', '--output', '/dev/null', '--write-out', '%{http_code}', '--header', `host: ${host}`],
        'http://istiod.istio-system:15014/debug/registryz',
      ]);
      expect(status).to.equal('401');
    }
  });
});

/** The port of this machine that kubectl chose. */
async function readPort({ stdout }: ChildProcess): Promise<number> {
  if (stdout === null) throw new Error('kubectl has no output');
  for await (const line of createInterface({ input: stdout })) {
    const port = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error('kubectl forwards no port');
}
