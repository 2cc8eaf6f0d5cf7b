/** SDS over HTTP/2 without TLS on a Unix socket that only this pod's proxy user can open. */
import { chmod, mkdir, unlink } from 'node:fs/promises';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { buildFrame, type Component, FrameReader, LateenError } from '#runtime/core/index.ts';
import { grpcStatus } from '../grpc/status.ts';
import type { Logger } from '../log.ts';
import type { SecretStore } from './secrets.ts';
import { sdsMethods } from './session.ts';

export interface SdsServerOptions {
  readonly socketPath: string;
  readonly store: SecretStore;
  readonly log: Logger;
}

const service = '/envoy.service.secret.v3.SecretDiscoveryService/';
const maximumRequest = 1024 * 1024;

export class SdsServer implements Component {
  readonly name = 'SDS server';
  readonly #options: SdsServerOptions;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #listening: Promise<void>;
  #resolveListening: () => void = () => undefined;

  constructor(options: SdsServerOptions) {
    this.#options = options;
    this.#listening = new Promise((resolve) => {
      this.#resolveListening = resolve;
    });
  }

  /** Resolves once Envoy can connect. */
  get listening(): Promise<void> {
    return this.#listening;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { socketPath, log } = this.#options;
    await removeStaleSocket(socketPath);
    const server = createServer();
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', (error) => log.debug('SDS connection failed', { error: error.message }));
    });
    server.on('stream', (stream, headers) => this.#serve(stream, String(headers[':path'])));
    await listen(server, socketPath);
    await chmod(socketPath, 0o600);
    log.info('SDS server listening', { socketPath });
    this.#resolveListening();
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
    for (const session of this.#sessions) session.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #serve(stream: ServerHttp2Stream, path: string): void {
    const { store, log } = this.#options;
    stream.on('error', (error) => log.debug('SDS stream failed', { error: error.message }));
    const method = path.startsWith(service) ? path.slice(service.length) : '';
    if (method !== 'StreamSecrets' && method !== 'DeltaSecrets') {
      end(stream, grpcStatus.unimplemented, `unknown method ${path}`);
      return;
    }
    const session = sdsMethods[method](store, log);
    const reader = new FrameReader(maximumRequest);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    const write = (response: Uint8Array | undefined) => {
      if (response && !stream.closed && !stream.writableEnded) stream.write(buildFrame(response));
    };
    let status: { code: number; message: string } = { code: grpcStatus.ok, message: '' };
    const unsubscribe = store.subscribe(() => write(session.refresh()));
    stream.on('close', () => {
      unsubscribe();
      session.close();
    });
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': String(status.code), 'grpc-message': encodeURIComponent(status.message) });
    });
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const message of reader.push(chunk)) write(session.receive(message));
      } catch (error) {
        const { message } = LateenError.from(error);
        log.warn('SDS request not understood', { error: message });
        status = { code: grpcStatus.invalidArgument, message };
        unsubscribe();
        stream.end();
      }
    });
    stream.on('end', () => stream.end());
  }
}

/** A response that is all headers (`Trailers-Only`). */
function end(stream: ServerHttp2Stream, code: number, message: string): void {
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': String(code),
      'grpc-message': encodeURIComponent(message),
    },
    { endStream: true },
  );
}

function listen(server: Http2Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new LateenError('internal', `cannot listen on ${socketPath}: ${error.message}`)),
    );
    server.listen(socketPath, resolve);
  });
}

/** A socket left by an earlier process is removed; one that somebody answers on is not ours to take. */
async function removeStaleSocket(socketPath: string): Promise<void> {
  await mkdir(dirname(socketPath), { recursive: true });
  const answered = await new Promise<boolean>((resolve) => {
    const socket = connect(socketPath, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
  if (answered) throw new LateenError('conflict', `another process serves ${socketPath}`);
  await unlink(socketPath).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw new LateenError('internal', `cannot remove ${socketPath}: ${error.message}`);
  });
}
