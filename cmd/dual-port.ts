/** One port for HTTP with and without TLS, told apart by the first byte, as `/metrics` and certificates need it. */
import type { Server as PlainServer } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';

export interface KeyPair {
  /** PEM: the leaf and its intermediates. */
  readonly certificate: string;
  readonly privateKey: string;
  /** PEM of the roots that certificates of clients must chain to. */
  readonly roots: string;
  /** What clients have proven so far counts no longer: their connections are closed. */
  readonly distrusts?: boolean;
}

export interface DualPort {
  readonly acceptor: Server & { closeAllConnections(): void };
  useCertificate(pair: KeyPair): void;
}

/** First byte of a TLS record that holds a handshake. */
const HANDSHAKE = 0x16;
/** A connection that says nothing is closed after this time, in milliseconds. */
const SILENCE_MS = 5_000;

/** Until there is a certificate, connections that begin a handshake are closed. */
export function createDualPort(plain: PlainServer, createSecure: () => SecureServer): DualPort {
  let secure: SecureServer | undefined;
  const sockets = new Set<Socket>();
  const acceptor = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const onError = () => socket.destroy();
    const onSilence = () => socket.destroy();
    socket.on('error', onError);
    socket.setTimeout(SILENCE_MS, onSilence);
    socket.once('end', onError);
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.setTimeout(0, onSilence);
      socket.off('error', onError);
      socket.off('end', onError);
      const server = first[0] === HANDSHAKE ? secure : plain;
      if (server === undefined) {
        socket.destroy();
        return;
      }
      socket.unshift(first);
      server.emit('connection', socket);
      // TLS takes what was read by itself, and all else from below the socket.
      if (server === plain) socket.resume();
    });
  });
  watchSlowRequests(plain);
  return {
    acceptor: Object.assign(acceptor, {
      closeAllConnections: () => {
        for (const socket of sockets) socket.destroy();
      },
    }),
    useCertificate({ certificate, privateKey, roots, distrusts }) {
      if (secure === undefined) {
        secure = createSecure();
        watchSlowRequests(secure);
      }
      secure.setSecureContext({ cert: certificate, key: privateKey, ca: roots });
      if (distrusts) secure.closeAllConnections();
    },
  };
}

/** Node begins to enforce a server's time limits when it listens, which these two never do by themselves. */
function watchSlowRequests(server: PlainServer | SecureServer): void {
  server.emit('listening');
}
