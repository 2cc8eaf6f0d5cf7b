import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';

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

async function review(server: ApiServer, token: string, audience: string): Promise<object> {
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: [audience] },
  };
  const answer = await server.kubectl(['create', '-f', '-', '-o', 'json'], JSON.stringify(body));
  return JSON.parse(answer).status;
}
