/**
 * A discovery stream on a connection of its own that ends with its first response. It is written as bytes, because a client
 * that builds a channel for each costs more than the server does, and then it is the client that is measured.
 */
import { connect } from 'node:net';
import { type ConnectionOptions, connect as connectSecure, type SecureContext } from 'node:tls';

const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

/** Frame types and flags of HTTP/2 (RFC 9113, section 6). */
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const headBytes = 9;
/** Whatever the first response is, it comes without the server having to wait. */
const window = 1 << 24;

/** What a client that comes over TLS trusts, shows and expects. */
export interface SecureEnd {
  readonly context: SecureContext;
  readonly serverName: string;
}

const settingsTaken = frame(SETTINGS, ACK, 0, []);
const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  // SETTINGS_INITIAL_WINDOW_SIZE
  frame(SETTINGS, 0, 0, [0, 4, ...number(window)]),
]);
const opening = Buffer.concat([
  preface,
  frame(WINDOW_UPDATE, 0, 0, number(window)),
  frame(HEADERS, END_HEADERS, 1, [
    // In the static table of RFC 7541: POST, http; names of :path, :authority, content-type; and one name spelled out.
    ...[0x83, 0x86],
    ...[0x04, ...text(path)],
    ...[0x01, ...text('localhost')],
    ...[0x0f, 0x10, ...text('application/grpc')],
    ...[0x00, ...text('te'), ...text('trailers')],
  ]),
]);

/**
 * Resolves once nothing is left of it: true after the first response, false where the stream or the connection ended
 * without one, or `patience` passed (milliseconds).
 */
export function askBriefly(port: number, request: Uint8Array, patience: number, secure?: SecureEnd): Promise<boolean> {
  return new Promise((resolve) => {
    const message = Buffer.concat([[0, ...number(request.length)], request].map((part) => Buffer.from(part)));
    const socket = open(port, secure);
    socket.write(Buffer.concat([opening, frame(DATA, 0, 1, message)]));
    socket.setTimeout(patience, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    let rest: Buffer = Buffer.alloc(0);
    let left: number | undefined;
    socket.on('close', () => resolve(left !== undefined && left <= 0));
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      while (rest.length >= headBytes) {
        const length = rest.readUIntBE(0, 3);
        if (rest.length < headBytes + length) return;
        const [type, flags] = [rest[3], rest[4] ?? 0];
        const payload = rest.subarray(headBytes, headBytes + length);
        rest = rest.subarray(headBytes + length);
        if (type === SETTINGS && (flags & ACK) === 0) socket.write(settingsTaken);
        // The head of a message says how long it is; the first frame of one holds it whole.
        if (type === DATA) left = (left ?? 5 + payload.readUInt32BE(1)) - length;
        const isOver = type === RST_STREAM || type === GOAWAY || (type === HEADERS && (flags & END_STREAM) !== 0);
        if (left !== undefined && left <= 0) socket.end();
        else if (isOver) socket.destroy();
      }
    });
  });
}

/** A connection that says it speaks HTTP/2 and nothing more. Calls back when it has said so, and when it is no more. */
export function connectWithoutStream(port: number, secure: SecureEnd, said: () => void, gone: () => void): void {
  const socket = open(port, secure);
  socket.write(preface, said);
  socket.on('error', () => socket.destroy());
  socket.on('close', gone);
  socket.resume();
}

function open(port: number, secure: SecureEnd | undefined) {
  const options = { port, host: '127.0.0.1', noDelay: true };
  if (secure === undefined) return connect(options);
  const { context, serverName } = secure;
  const end: ConnectionOptions = { secureContext: context, servername: serverName, ALPNProtocols: ['h2'] };
  return connectSecure({ ...options, ...end });
}

function frame(type: number, flags: number, stream: number, payload: readonly number[] | Buffer): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, Buffer.from(payload)]);
}

function number(value: number): readonly number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return [...bytes];
}

/** Of at most 126 characters, without Huffman's code. */
function text(value: string): readonly number[] {
  return [value.length, ...Buffer.from(value)];
}
