/** A relay of TCP connections that can fall silent, as a path does on which packets get lost: nobody hears that it is gone. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Relay {
  /** Of loopback; 0 where it listens on a Unix socket. */
  readonly port: number;
  /** When somebody connected last, on performance.now()'s clock. */
  readonly connectedAt: number;
  /** From here on nothing passes on the connections that there are; new ones work. */
  fallSilent(): void;
  /** Ends all connections, and new ones as soon as they come, until the result is called. */
  interrupt(): () => void;
  stop(): Promise<void>;
}

/** From a free port of loopback, or from a Unix socket, to a port of loopback. */
export async function startRelay(to: number, socketPath?: string): Promise<Relay> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let isInterrupted = false;
  let connectedAt = Number.NEGATIVE_INFINITY;
  const server = createServer((near) => {
    if (isInterrupted) {
      near.destroy();
      return;
    }
    connectedAt = performance.now();
    const far = connect(to, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => pairs.delete(pair));
    }
  });
  if (socketPath === undefined) server.listen(0, '127.0.0.1');
  else server.listen(socketPath);
  await once(server, 'listening');
  const endAll = () => {
    for (const socket of [...pairs].flat()) socket.destroy();
  };
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    get connectedAt() {
      return connectedAt;
    },
    fallSilent() {
      for (const [near, far] of pairs) {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
      }
    },
    interrupt() {
      isInterrupted = true;
      endAll();
      return () => {
        isInterrupted = false;
      };
    },
    async stop() {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}
