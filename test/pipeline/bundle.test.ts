/** The control plane as it goes into the image: bundled. What is imported on demand must be there in the form it is used in. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { bundleProgram } from '#hack/images/bundle.ts';
import { lateenProgram } from '#hack/images/mesh-plan.ts';
import { writeKubeconfig } from '#test/support/kubeconfig.ts';

describe('the bundled control plane', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-bundle-'));
    await mkdir(join(folder, 'generated'));
    await cp(join(import.meta.dirname, '../../wire/generated/envoy.binpb'), join(folder, 'generated/envoy.binpb'));
    for (const [name, content] of await bundleProgram(lateenProgram)) await writeFile(join(folder, name), content);
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  const flags = {
    discovery: ['--http-addr', '127.0.0.1:0', '--monitoring-addr', '127.0.0.1:0'],
    operator: ['--http-addr', '127.0.0.1:0', '--profiles', join(import.meta.dirname, '../../config/profiles')],
  };
  for (const [command, own] of Object.entries(flags)) {
    it(`asks the cluster that a kubeconfig names, as lateen ${command}`, async () => {
      const asked = Promise.withResolvers<IncomingMessage>();
      const server = createServer((request, response) => {
        asked.resolve(request);
        response.writeHead(503).end();
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      if (typeof address !== 'object' || address === null) throw new Error('no address');
      const kubeconfig = join(folder, 'kubeconfig');
      await writeKubeconfig(kubeconfig, `http://127.0.0.1:${address.port}`, 'a-token');
      const child = spawn(process.execPath, [join(folder, 'lateen.mjs'), command, '--kubeconfig', kubeconfig, ...own], {
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 30_000,
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
      const ended = once(child, 'exit').then(() => asked.reject(new Error(`ended without a call:\n${said}`)));
      try {
        expect((await asked.promise).headers.authorization).to.equal('Bearer a-token');
      } finally {
        child.kill('SIGKILL');
        await ended;
        server.closeAllConnections();
        server.close();
      }
    });
  }
});
