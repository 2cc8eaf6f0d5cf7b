import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { openAuthority } from '#ca/testsupport/authority.ts';
import { createDualPort } from './dual-port.ts';

describe('a port with and without TLS', () => {
  it('keeps connections when its certificate is renewed, and closes them when what they proved counts no longer', async () => {
    const authority = await openAuthority();
    const port = createDualPort(createServer(), () =>
      createSecureServer((_, response) => {
        response.end('here');
      }),
    );
    const renew = (distrusts: boolean) => {
      const { chain, privateKey } = authority.issueServer(['localhost']);
      port.useCertificate({ certificate: chain.join(''), privateKey, roots: authority.rootsPem, distrusts });
    };
    const ask = async (socket: TLSSocket): Promise<string> => {
      socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
      const [answer] = await once(socket, 'data');
      return String(answer);
    };
    renew(false);
    port.acceptor.listen(0, '127.0.0.1');
    await once(port.acceptor, 'listening');
    const { port: number } = port.acceptor.address() as AddressInfo;
    const socket = connect({ port: number, host: '127.0.0.1', servername: 'localhost', ca: authority.rootsPem });
    try {
      expect(await ask(socket)).to.contain('here');
      renew(false);
      expect(await ask(socket)).to.contain('here');
      const closed = once(socket, 'close');
      renew(true);
      await closed;
    } finally {
      socket.destroy();
      port.acceptor.close();
      port.acceptor.closeAllConnections();
    }
  });
});
