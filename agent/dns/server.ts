/** The port that the pod's DNS traffic is redirected to, over UDP and TCP. */
import { createSocket } from 'node:dgram';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import { type Component, LateenError, untilAborted } from '#runtime/core/index.ts';
import type { Logger } from '../log.ts';
import type { Resolver } from './resolver.ts';
import { buildFrame, FrameReader } from './stream.ts';

export interface DnsServerOptions {
  readonly port: number;
  /** Loopback addresses; one that the kernel does not have is left out. */
  readonly addresses: readonly string[];
  readonly resolver: Pick<Resolver, 'resolve'>;
  readonly log: Logger;
}

interface Bound {
  readonly close: () => Promise<void>;
}
type OnFault = (fault: unknown) => void;
type Bind = (address: string, signal: AbortSignal, onFault: OnFault) => Promise<Bound>;

const mostConnections = 128;
/** Bytes; what resolvers ask is a tenth of it. */
const longestQuery = 4096;
/** Queries of one connection that are worked on at the same time; more are read when these are answered. */
const mostPipelined = 32;
/** Milliseconds without a message after which a connection is closed. */
const idleTimeout = 10_000;

export class DnsServer implements Component {
  readonly name = 'DNS proxy';
  readonly #options: DnsServerOptions;

  constructor(options: DnsServerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { addresses, port, log } = this.#options;
    const ending = new AbortController();
    const fault = Promise.withResolvers<never>();
    fault.promise.catch(() => undefined);
    const sockets: Bound[] = [];
    try {
      for (const address of addresses) {
        const bind = (how: Bind) => this.#bind(how, address, ending.signal, fault.reject);
        sockets.push(...(await bind(this.#bindUdp)));
        sockets.push(...(await bind(this.#bindTcp)));
      }
      if (sockets.length === 0) throw new LateenError('unavailable', `none of ${addresses.join(', ')} is there`);
      log.info('DNS proxy listening', { addresses: addresses.join(), port });
      await Promise.race([untilAborted(signal), fault.promise]);
    } finally {
      ending.abort();
      await Promise.all(sockets.map(({ close }) => close()));
    }
  }

  /** Nothing where the pod does not have the address. */
  async #bind(bind: Bind, address: string, signal: AbortSignal, onFault: OnFault): Promise<readonly Bound[]> {
    try {
      return [await bind.call(this, address, signal, onFault)];
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return [];
      const { message } = LateenError.from(error);
      throw new LateenError('unavailable', `cannot listen on ${address} port ${this.#options.port}: ${message}`);
    }
  }

  async #bindUdp(address: string, signal: AbortSignal, onFault: OnFault): Promise<Bound> {
    const socket = isIPv6(address) ? createSocket({ type: 'udp6', ipv6Only: true }) : createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(this.#options.port, address, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    socket.on('error', onFault);
    socket.on('message', (bytes, client) => {
      // A reply that the kernel does not take is one that got lost: the client asks again.
      this.#answer(bytes, 'udp', signal, (reply) => socket.send(reply, client.port, client.address, () => undefined));
    });
    return { close: () => new Promise((resolve) => socket.close(() => resolve())) };
  }

  async #bindTcp(address: string, signal: AbortSignal, onFault: OnFault): Promise<Bound> {
    const connections = new Set<Socket>();
    // Half open: a client may end its side when it has asked.
    const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
      connections.add(socket);
      socket.on('close', () => connections.delete(socket));
      this.#serveConnection(socket, signal);
    });
    server.maxConnections = mostConnections;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: this.#options.port, host: address, ipv6Only: true }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', onFault);
    const close = () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
      });
    return { close };
  }

  #serveConnection(socket: Socket, signal: AbortSignal): void {
    const reader = new FrameReader(longestQuery);
    let pending = 0;
    let ended = false;
    const goOn = () => {
      if (ended && pending === 0) socket.end();
      else if (pending < mostPipelined && !socket.writableNeedDrain) socket.resume();
    };
    const take = (message: Buffer) => {
      pending += 1;
      const send = (reply: Buffer) => void (socket.writable && socket.write(buildFrame(reply)));
      this.#answer(message, 'tcp', signal, send, () => {
        pending -= 1;
        goOn();
      });
    };
    // A client that goes away, or says something that is no DNS, is no event.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(idleTimeout, () => socket.destroy());
    socket.on('drain', goOn);
    socket.on('end', () => {
      ended = true;
      goOn();
    });
    socket.on('data', (chunk) => {
      try {
        for (const message of reader.push(chunk)) take(message);
      } catch {
        socket.destroy();
        return;
      }
      if (pending >= mostPipelined || socket.writableNeedDrain) socket.pause();
    });
  }

  #answer(
    bytes: Buffer,
    transport: 'udp' | 'tcp',
    signal: AbortSignal,
    send: (reply: Buffer) => void,
    onDone: () => void = () => undefined,
  ): void {
    const { resolver, log } = this.#options;
    resolver
      .resolve(bytes, transport, signal)
      .then((reply) => {
        if (reply !== undefined && !signal.aborted) send(reply);
      })
      .catch((error: unknown) => log.error('DNS query failed', { error: LateenError.from(error).message }))
      .finally(onDone);
  }
}
