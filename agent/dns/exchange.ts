/** One question to one server, over UDP or TCP. */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { LateenError } from '#runtime/core/index.ts';
import { answersQuery, buildForwarded, type Query } from './message.ts';
import { buildFrame, FrameReader } from './stream.ts';

export interface Server {
  readonly address: string;
  readonly port: number;
}

export interface Exchange {
  readonly query: Query;
  readonly server: Server;
  /** 0 up to 65535, not to be guessed. */
  readonly id: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** Resolves with the server's response, still under the id of the exchange. */
export type ExchangeWith = (exchange: Exchange) => Promise<Buffer>;

/**
 * From a port of its own, which the kernel picks: a forged response has to hit it as well as the id, and each query may
 * reach another instance behind the server's address. What does not answer the question is passed over.
 */
export const exchangeUdp: ExchangeWith = ({ query, server, id, timeout, signal }) =>
  settle(timeout, signal, (succeed, fail) => {
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    socket.on('error', (error) => fail(LateenError.from(error, 'unavailable')));
    socket.on('message', (response) => {
      if (answersQuery(response, query, id)) succeed(response);
    });
    // Connected: the kernel lets only this server in, and says when nobody listens there.
    socket.on('connect', () => socket.send(buildForwarded(query, id)));
    socket.connect(server.port, server.address);
    return () => socket.close();
  });

export const exchangeTcp: ExchangeWith = ({ query, server, id, timeout, signal }) =>
  settle(timeout, signal, (succeed, fail) => {
    const socket = connect({ host: server.address, port: server.port });
    const reader = new FrameReader();
    socket.on('error', (error) => fail(LateenError.from(error, 'unavailable')));
    socket.on('close', () => fail(new LateenError('unavailable', 'the connection was closed without an answer')));
    socket.on('data', (chunk) => {
      const response = reader.push(chunk).find((message) => answersQuery(message, query, id));
      if (response !== undefined) succeed(response);
    });
    socket.write(buildFrame(buildForwarded(query, id)));
    return () => socket.destroy();
  });

/** Runs until the first outcome, or the time or the signal ends it; then what `start` gave is called, once. */
function settle(
  timeout: number,
  signal: AbortSignal,
  start: (succeed: (response: Buffer) => void, fail: (error: LateenError) => void) => () => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let release: (() => void) | undefined;
    let settled = false;
    const finish = (outcome: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      release?.();
      outcome();
    };
    const fail = (error: LateenError) => finish(() => reject(error));
    const timer = setTimeout(() => fail(new LateenError('deadline', `no answer within ${timeout} ms`)), timeout);
    const onAbort = () => fail(new LateenError('aborted', 'stopped'));
    signal.addEventListener('abort', onAbort, { once: true });
    release = start((response) => finish(() => resolve(response)), fail);
    if (settled) release();
    else if (signal.aborted) onAbort();
  });
}
