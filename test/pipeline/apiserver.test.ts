import { once } from 'node:events';
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { endChild, spawnTied } from '#test/support/child.ts';
import { eventually } from '#test/support/eventually.ts';

describe('a real API server for tests', function () {
  this.timeout(600_000);
  let server: ApiServer;

  before(async () => {
    server = await startApiServer();
  });
  after(() => server.stop());

  it('keeps what was written across a restart on the same port', async () => {
    await server.kubectl(['create', 'namespace', 'kept']);
    await server.restart();
    expect(await server.kubectl(['get', 'namespace', 'kept', '-o', 'name'])).to.equal('namespace/kept\n');
  });

  it('ends with the process that started it, however that ends', async () => {
    const script = [
      "import { startApiServer } from '#test/support/apiserver.ts';",
      'const { kubeconfig } = await startApiServer({ controllerManager: true });',
      'console.log(kubeconfig);',
      'setInterval(() => undefined, 1e6);',
    ].join('\n');
    const flags = ['--input-type=module-typescript', '--eval', script];
    const starter = spawnTied(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [kubeconfig]: unknown[] = starter.stdout === null ? [] : await once(starter.stdout, 'data');
    const folder = dirname(String(kubeconfig).trim());
    const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager'];
    expect(await findPrograms(folder)).to.have.members(programs);
    await endChild(starter, 'SIGKILL');
    await eventually(
      () => findPrograms(folder),
      (left) => expect(left).to.deep.equal([]),
    );
    await rm(folder, { recursive: true });
  });

  it('reviews a token for the audience it was issued for and for no other', async () => {
    await server.kubectl(['create', 'serviceaccount', 'reviews', '-n', 'default']);
    const token = (await server.kubectl(['create', 'token', 'reviews', '--audience', 'istio-ca'])).trim();
    expect(await review(server, token, 'istio-ca')).to.include({ authenticated: true });
    expect(await review(server, token, 'somebody-else')).to.not.have.property('authenticated');
  });

  it('gives the administrator a kubeconfig that verifies the server', async () => {
    const config = JSON.parse(await readFile(server.kubeconfig, 'utf8'));
    expect(config.clusters[0].cluster.server).to.equal(server.url);
    expect(Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64').toString()).to.equal(
      server.ca,
    );
  });
});

/** Programs of Kubernetes whose command line names this folder. */
async function findPrograms(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    // Others end meanwhile.
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (words.some((word) => word.includes(`${folder}/`))) found.push(words[1] ?? '');
  }
  return found;
}

async function review(server: ApiServer, token: string, audience: string): Promise<object> {
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: [audience] },
  };
  const answer = await server.kubectl(['create', '-f', '-', '-o', 'json'], JSON.stringify(body));
  return JSON.parse(answer).status;
}
