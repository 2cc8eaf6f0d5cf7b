/** A DNS server whose responses a test decides. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { buildFrame, FrameReader } from '../stream.ts';

/** The responses to a message, in order; none leaves the client waiting. */
export type Respond = (message: Buffer, transport: 'udp' | 'tcp') => readonly Buffer[];

export interface TestUpstream {
  readonly address: string;
  readonly port: number;
  /** Transports of the messages that came, in order. */
  readonly asked: readonly ('udp' | 'tcp')[];
  stop(): Promise<void>;
}

/** A loopback address of one's own: no other test listens there. */
export function chooseLoopback(): string {
  const byte = () => 1 + Math.floor(Math.random() * 254);
  return `127.${byte()}.${byte()}.${byte()}`;
}

export async function startUpstream(respond: Respond, address = chooseLoopback(), port = 5300): Promise<TestUpstream> {
  const asked: ('udp' | 'tcp')[] = [];
  const udp = createSocket('udp4');
  udp.on('message', (message, client) => {
    asked.push('udp');
    for (const response of respond(message, 'udp')) udp.send(response, client.port, client.address);
  });
  await new Promise<void>((resolve) => udp.bind(port, address, resolve));
  const tcp = createServer((socket) => {
    const reader = new FrameReader();
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      for (const message of reader.push(chunk)) {
        asked.push('tcp');
        for (const response of respond(message, 'tcp')) socket.write(buildFrame(response));
      }
    });
  });
  await new Promise<void>((resolve) => tcp.listen(port, address, resolve));
  return {
    ...{ address, port, asked },
    async stop() {
      await Promise.all([
        new Promise<void>((resolve) => udp.close(resolve)),
        new Promise<void>((resolve) => tcp.close(() => resolve())),
      ]);
    },
  };
}

/** The response to a query: flags, and encoded records behind its question. */
export function respondTo(query: Buffer, flags: number, records: readonly Buffer[] = []): Buffer {
  // Until the end of the question: its name ends with a zero byte, type and class follow.
  const end = query.indexOf(0, 12) + 5;
  const head = Buffer.from(query.subarray(0, end));
  head.writeUInt16BE(flags, 2);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt16BE(0, 10);
  return Buffer.concat([head, ...records]);
}

/** A record of the question's name. */
export function record(type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(0xc00c, 0);
  fixed.writeUInt16BE(type, 2);
  fixed.writeUInt16BE(1, 4);
  fixed.writeUInt32BE(60, 6);
  fixed.writeUInt16BE(data.length, 10);
  return Buffer.concat([fixed, data]);
}
