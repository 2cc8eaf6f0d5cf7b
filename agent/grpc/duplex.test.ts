import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect } from 'chai';
import { openDuplex } from './duplex.ts';

describe('a gRPC stream in both directions', () => {
  it('ends when there is no connection in time, though somebody accepts it and says nothing', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    try {
      const { ended } = openDuplex({
        authority: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
        path: '/service/Method',
        connection: {},
        maximumMessage: 1024,
        connectTimeout: 50,
        onMessage: () => undefined,
        signal: new AbortController().signal,
      });
      expect(await ended).to.have.property('code', 'deadline');
      const [socket] = await accepted;
      socket.destroy();
    } finally {
      server.close();
    }
  });
});
