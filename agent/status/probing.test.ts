import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { runProbe } from './probing.ts';

describe('a probe over HTTP', () => {
  /** What comes of a probe of an application that answers so. */
  async function probe(answer: (response: ServerResponse) => void, timeout: number) {
    const server = createServer((_request, response) => answer(response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const target = { kind: 'http', scheme: 'http', port, path: '/', headers: {} } as const;
      return await runProbe({ target, timeout }, '127.0.0.1', {});
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  it('takes no more of an answer without end than the kubelet does', async () => {
    const endless = (response: ServerResponse) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(4096)));
      };
      response.on('drain', more);
      more();
    };
    expect(await probe(endless, 30_000)).to.deep.equal({ status: 200, reason: '' });
  });

  it('fails when an answer that comes drop by drop is not whole in time', async () => {
    const dripping = (response: ServerResponse) => {
      const drops = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(drops));
    };
    const { status, reason } = await probe(dripping, 500);
    expect(status).to.equal(503);
    expect(reason).to.contain('within 500 ms');
  });
});
