import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { expect } from 'chai';
import { eventually } from '#test/support/eventually.ts';
import { startRelay } from '#test/support/relay.ts';
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

  it('ends when the peer gives no sign of life after something was sent', async () => {
    const received: Buffer[] = [];
    const server = createHttp2Server().listen(0, '127.0.0.1');
    await once(server, 'listening');
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.on('data', (chunk: Buffer) => received.push(chunk));
      stream.on('error', () => undefined);
    });
    const relay = await startRelay((server.address() as AddressInfo).port);
    const stop = new AbortController();
    try {
      const { ended, send } = openDuplex({
        authority: `http://127.0.0.1:${relay.port}`,
        path: '/service/Method',
        connection: {},
        maximumMessage: 1024,
        answerTimeout: 2_000,
        onMessage: () => undefined,
        signal: stop.signal,
      });
      for (const text of ['a', 'b', 'c']) send(Buffer.from(text));
      await eventually(
        () => Buffer.concat(received).length,
        (bytes) => expect(bytes).to.equal(18),
      );
      relay.fallSilent();
      send(Buffer.from('d'));
      const reason = await ended;
      expect([reason.code, reason.message]).to.deep.equal(['unavailable', 'no sign of life within 2000 ms']);
    } finally {
      stop.abort();
      await relay.stop();
      server.close();
    }
  });
});
