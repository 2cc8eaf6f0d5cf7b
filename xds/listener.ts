/** A gRPC port as a component: binds, serves what was registered on it, and lets go of everything when stopped. */
import { Server, type ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { type Component, LateenError, type Logger } from '#runtime/index.ts';

export interface GrpcListenerOptions {
  readonly name: string;
  /** `host:port` or `:port` for all addresses; port 0 takes a free one. */
  readonly address: string;
  readonly credentials: ServerCredentials;
  /** Adds a service to the server; called once each, in order. */
  readonly services: readonly ((server: Server) => void)[];
  /** Called when stopping, before connections are closed: ends streams that would go on for ever. */
  readonly onStop?: () => void;
  /** Called with the port once connections are accepted. */
  readonly onListening?: (port: number) => void;
  readonly logger: Logger;
}

/** Dead peers are noticed within 40 s; Envoy opens one stream a connection and few clients need more. */
const CHANNEL_OPTIONS: ServerOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_concurrent_streams': 1_000,
  'grpc.max_receive_message_length': 16 << 20,
  'grpc.max_send_message_length': -1,
};

/** Requests that are being answered may take this long after the stop, in milliseconds. */
const GRACE_MS = 1_000;

export function createGrpcListener(options: GrpcListenerOptions): Component {
  return { name: options.name, run: (signal) => serve(options, signal) };
}

async function serve(options: GrpcListenerOptions, signal: AbortSignal): Promise<void> {
  const { name, credentials, services, logger, onListening, onStop } = options;
  const address = options.address.startsWith(':') ? `[::]${options.address}` : options.address;
  const server = new Server(CHANNEL_OPTIONS);
  for (const register of services) register(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else
        reject(
          new LateenError('unavailable', `${name} cannot listen on ${address}: ${error.message}`, { cause: error }),
        );
    });
  });
  logger.info('listening', { name, address, port });
  onListening?.(port);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  onStop?.();
  await shutDown(server);
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
