/** A gRPC port as a component: binds, serves what was registered on it, and lets go of everything when stopped. */
import { type Server as Acceptor, createServer, type ListenOptions, type Socket } from 'node:net';
import { Server, type ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { type Clock, type Component, LateenError, type Logger, systemClock } from '#runtime/index.ts';
import { type ClosingReason, DEFAULT_DOOR_LIMITS, Door, type DoorLimits } from './door.ts';
import { MOST_REQUEST_BYTES, shareResponseBytes } from './sharing.ts';

/** The connections of a port, by the address of the other end as calls name it (`address:port`). */
export interface Connections {
  /** Closes a connection soon, once the status of the call that ends is out; every call on it ends. */
  close(peer: string): void;
  /**
   * A call on a connection is served until the result is called: the other end has proven who it is, or need not. A
   * connection on which that is true of no call is closed after a while.
   */
  serve(peer: string): () => void;
}

export interface GrpcListenerOptions {
  readonly name: string;
  /** `host:port`, `:port` for all addresses, or `unix:path`; port 0 takes a free one. */
  readonly address: string;
  readonly credentials: ServerCredentials;
  /** Adds a service to the server; called once each, in order. */
  readonly services: readonly ((server: Server, connections: Connections) => void)[];
  /**
   * Connections are asked to go after this time (give or take a tenth), in milliseconds, so that clients spread over the
   * replicas and show their newest certificate. Default: never.
   */
  readonly maxConnectionAgeMs?: number;
  /**
   * Calls back when what connections have shown so far counts no longer: all that there are then are closed, and their clients
   * prove anew who they are. Returns how to stop that.
   */
  readonly onDistrust?: (listener: () => void) => () => void;
  /** Called when stopping, before connections are closed: ends streams that would go on for ever. */
  readonly onStop?: () => void;
  /** Called with the port once connections are accepted. */
  readonly onListening?: (port: number) => void;
  /** Told of each connection that is closed before it was of use, and why. */
  readonly onTurnedAway?: (reason: ClosingReason) => void;
  readonly limits?: Partial<DoorLimits>;
  readonly clock?: Clock;
  readonly logger: Logger;
}

/** Dead peers are noticed within 40 s; Envoy opens one stream a connection and few clients need more. */
const CHANNEL_OPTIONS: ServerOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_concurrent_streams': 1_000,
  'grpc.max_receive_message_length': MOST_REQUEST_BYTES,
  'grpc.max_send_message_length': -1,
  // Counts every message of every stream, for nobody.
  'grpc.enable_channelz': 0,
  interceptors: [shareResponseBytes],
};

/**
 * How long a status may take from here to the socket, through two protocols, and new roots to where TLS begins, in milliseconds.
 */
const CLOSE_AFTER_MS = 1_000;

/** A connection that was asked to go is closed after this time, in milliseconds. */
const AGE_GRACE_MS = 10_000;

/** Requests that are being answered may take this long after the stop, in milliseconds. */
const GRACE_MS = 1_000;

export function createGrpcListener(options: GrpcListenerOptions): Component {
  return { name: options.name, run: (signal) => serve(options, signal) };
}

async function serve(options: GrpcListenerOptions, signal: AbortSignal): Promise<void> {
  const { name, address, credentials, services, maxConnectionAgeMs, logger, onListening, onStop, onDistrust } = options;
  const { limits, clock = systemClock, onTurnedAway } = options;
  const server = new Server({
    ...CHANNEL_OPTIONS,
    ...(maxConnectionAgeMs === undefined
      ? {}
      : { 'grpc.max_connection_age_ms': maxConnectionAgeMs, 'grpc.max_connection_age_grace_ms': AGE_GRACE_MS }),
  });
  const sockets = new Map<string, Socket>();
  const close = (socket: Socket) => void setTimeout(() => socket.destroy(), CLOSE_AFTER_MS).unref();
  const connections: Connections = {
    close(peer) {
      const socket = sockets.get(peer);
      if (socket !== undefined) close(socket);
    },
    serve(peer) {
      const socket = sockets.get(peer);
      return socket === undefined ? () => undefined : door.serve(socket);
    },
  };
  for (const register of services) register(server, connections);
  const injector = server.createConnectionInjector(credentials);
  const letIn = (socket: Socket) => {
    // From now on what comes is read, as it is at once where nobody has to wait.
    socket.read(0);
    injector.injectConnection(socket);
  };
  const door = new Door<Socket>({
    limits: { ...DEFAULT_DOOR_LIMITS, ...limits },
    clock,
    defer: setImmediate,
    letIn,
    close(socket, reason) {
      logger.debug('connection closed', { name, peer: `${socket.remoteAddress}:${socket.remotePort}`, reason });
      onTurnedAway?.(reason);
      // The status of the last call may still be on its way.
      if (reason === 'crowded') close(socket);
      else socket.destroy();
    },
  });
  const acceptor = createServer({ pauseOnConnect: true }, (socket) => {
    const { remoteAddress } = socket;
    const peer = `${remoteAddress}:${socket.remotePort}`;
    sockets.set(peer, socket);
    socket.once('close', () => {
      sockets.delete(peer);
      door.leave(socket);
    });
    // Nothing would be left of it if it failed before it is let in.
    socket.on('error', () => undefined);
    // Whoever may open a Unix socket is not a stranger.
    if (remoteAddress === undefined) letIn(socket);
    else door.arrive(socket, remoteAddress);
  });
  const port = await listen(acceptor, name, address);
  logger.info('listening', { name, address, port });
  onListening?.(port);
  const stopDistrust = onDistrust?.(() => {
    if (sockets.size > 0) logger.info('every connection is closed: a root is trusted no more', { name });
    for (const socket of sockets.values()) close(socket);
  });
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  stopDistrust?.();
  acceptor.close();
  door.stop();
  onStop?.();
  await shutDown(server);
  for (const socket of sockets.values()) socket.destroy();
}

/** Binds `host:port`, `:port` or `unix:path`; resolves with the port. */
function listen(acceptor: Acceptor, name: string, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    acceptor.once('error', (error) =>
      reject(new LateenError('unavailable', `${name} cannot listen on ${address}: ${error.message}`, { cause: error })),
    );
    acceptor.listen(parseBinding(address), () => {
      const bound = acceptor.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
    });
  });
}

function parseBinding(address: string): ListenOptions {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  // Without a host Node takes all addresses, and those of IPv4 where the machine has no others.
  return { port: Number(address.slice(at + 1)), ...(host === '' ? {} : { host }) };
}

function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), GRACE_MS);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
