/**
 * Responses reach the socket without a copy, and requests come from it without a detour: grpc-js, whose streams we write to
 * and read from directly, is held to what that needs.
 */
import {
  type ChannelCredentials,
  Client,
  compressionAlgorithms,
  credentials,
  type Server,
  ServerCredentials,
  type ServerDuplexStream,
  type StatusObject,
  status,
} from '@grpc/grpc-js';
import { expect } from 'chai';
import { CertificateAuthority, declareCaMetrics } from '#ca/index.ts';
import { MemoryStore } from '#ca/testsupport/store.ts';
import { createMetrics, silentLogger, systemClock } from '#runtime/index.ts';
import { createGrpcListener } from '#xds/index.ts';
import { EncodedResponse } from '#xds/response.ts';
import { directCallOf, MOST_REQUEST_BYTES } from '#xds/sharing.ts';

const path = '/test.Sharing/Talk';
const serverName = 'istiod.istio-system.svc';

for (const tls of [false, true]) {
  describe(`bytes that responses share${tls ? ', over TLS' : ''}`, () => {
    it('go out in parts, in one message each, and no serializer is asked', async () => {
      const large = Buffer.alloc(3 << 20, 'x');
      const received = await talk(tls, (call) => {
        call.write(new EncodedResponse([Buffer.from('own')]));
        call.write(new EncodedResponse([large, Buffer.from('first'), Buffer.from('tail')]));
        call.write(new EncodedResponse([large, Buffer.from('second')]));
        call.write(new EncodedResponse([]));
        call.end();
      });
      expect(received.map((bytes) => bytes.length)).to.deep.equal([3, large.length + 9, large.length + 6, 0]);
      expect(received[0]?.toString()).to.equal('own');
      expect(received[1]?.equals(Buffer.concat([large, Buffer.from('firsttail')]))).to.equal(true);
      expect(received[2]?.equals(Buffer.concat([large, Buffer.from('second')]))).to.equal(true);
    });

    it('come whole, though the call ends while they are on their way', async () => {
      const received = await talk(
        tls,
        (call) => {
          call.write(new EncodedResponse([Buffer.alloc(2 << 20), Buffer.from('.')]));
          setImmediate(() => call.emit('error', { code: status.UNAVAILABLE, details: 'enough' }));
        },
        status.UNAVAILABLE,
      );
      expect(received.map(({ length }) => length)).to.deep.equal([(2 << 20) + 1]);
    });

    it('are reported as written, and the status comes behind them', async () => {
      let written = 0;
      const received = await talk(
        tls,
        (call) => {
          call.write(new EncodedResponse([Buffer.alloc(1 << 20), Buffer.from('.')]), () => {
            written += 1;
            call.emit('error', { code: status.UNAVAILABLE, details: 'enough' });
          });
        },
        status.UNAVAILABLE,
      );
      expect(received).to.have.length(1);
      expect(written).to.equal(1);
    });

    it('tell of parts that have drained where they go in slices', async () => {
      let moved = 0;
      await talk(tls, (call) => {
        directCallOf(call)?.onMoved(() => {
          moved += 1;
        });
        call.write(new EncodedResponse([Buffer.alloc(1 << 20), Buffer.from('.')]), () => call.end());
      });
      if (tls) expect(moved).to.be.above(10);
      else expect(moved).to.equal(0);
    });

    it('keep their order, whether they go to the stream or wait in the call', async () => {
      const received = await talk(tls, (call) => {
        const direct = directCallOf(call);
        const small = (text: string) => new EncodedResponse([Buffer.from(text)]);
        const write = (response: EncodedResponse) =>
          direct?.writeSmall(response, () => undefined) === true || call.write(response);
        expect(direct?.writeSmall(new EncodedResponse([Buffer.alloc(1 << 20)]), () => undefined)).to.equal(false);
        expect(direct?.writeSmall(small('one'), () => undefined)).to.equal(true);
        write(new EncodedResponse([Buffer.alloc(1 << 20), Buffer.from('.')]));
        expect(direct?.writeSmall(small('overtaking'), () => undefined)).to.equal(false);
        write(small('two'));
        write(small('three'));
        call.end();
      });
      const texts = received.map((bytes) => (bytes.length > 100 ? 'large' : bytes.toString()));
      expect(texts).to.deep.equal(['one', 'large', 'two', 'three']);
    });
  });

  describe(`requests${tls ? ', over TLS' : ''}`, () => {
    it('come in whole and in order past grpc-js, which tells when there are no more', async () => {
      const sent = [Buffer.from('first'), Buffer.alloc(0), Buffer.alloc(300_000, 'x'), Buffer.from('last')];
      const taken: Buffer[] = [];
      let passed = 0;
      await talk(
        tls,
        (call) => {
          expect(directCallOf(call)?.takeMessages((message) => taken.push(Buffer.from(message)))).to.equal(true);
          call.on('data', () => {
            passed += 1;
          });
          call.on('end', () => call.end());
        },
        status.OK,
        { sent },
      );
      expect(taken.map(({ length }) => length)).to.deep.equal(sent.map(({ length }) => length));
      expect(Buffer.concat(taken).equals(Buffer.concat(sent))).to.equal(true);
      expect(passed).to.equal(0);
    });

    it('that are compressed are left to grpc-js', async () => {
      const received: string[] = [];
      await talk(
        tls,
        (call) => {
          expect(directCallOf(call)?.takeMessages(() => received.push('taken'))).to.equal(false);
          call.on('data', (message: Buffer) => received.push(message.toString()));
          call.on('end', () => call.end());
        },
        status.OK,
        { sent: [Buffer.from('squeezed')], compressed: true },
      );
      expect(received).to.deep.equal(['squeezed']);
    });

    it('that are larger than any may be end the call', async () => {
      const taken: Uint8Array[] = [];
      await talk(
        tls,
        (call) => {
          directCallOf(call)?.takeMessages((message) => taken.push(message));
          call.resume();
        },
        status.RESOURCE_EXHAUSTED,
        { sent: [Buffer.alloc(MOST_REQUEST_BYTES + 1)] },
      );
      expect(taken).to.have.length(0);
    });
  });
}

/** What a client receives of a call that is answered like this, until it ends with this status; what it sends before. */
async function talk(
  tls: boolean,
  answer: (call: ServerDuplexStream<Buffer, EncodedResponse>) => void,
  ending: status = status.OK,
  { sent = [], compressed = false }: { readonly sent?: readonly Buffer[]; readonly compressed?: boolean } = {},
): Promise<readonly Buffer[]> {
  const identity = tls ? await createIdentity() : undefined;
  const stopping = new AbortController();
  const listening = Promise.withResolvers<number>();
  const running = createGrpcListener({
    name: 'test',
    address: '127.0.0.1:0',
    credentials: identity?.server ?? ServerCredentials.createInsecure(),
    services: [(server) => addService(server, answer)],
    onListening: listening.resolve,
    logger: silentLogger,
  }).run(stopping.signal);
  running.catch(listening.reject);
  const client = new Client(`127.0.0.1:${await listening.promise}`, identity?.client ?? credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.ssl_target_name_override': serverName,
    ...(compressed ? { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip } : {}),
  });
  try {
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same);
    const received: Buffer[] = [];
    call.on('data', (bytes: Buffer) => received.push(bytes));
    call.on('error', () => undefined);
    for (const message of sent) call.write(message);
    if (sent.length > 0) call.end();
    const ended = await new Promise<StatusObject>((resolve) => call.on('status', resolve));
    expect(ended.code).to.equal(ending);
    return received;
  } finally {
    client.close();
    stopping.abort();
    await running;
  }
}

async function createIdentity(): Promise<{ readonly server: ServerCredentials; readonly client: ChannelCredentials }> {
  const authority = new CertificateAuthority({
    ...{ clock: systemClock, logger: silentLogger, random: Math.random, trustDomain: 'cluster.local' },
    store: new MemoryStore(),
    metrics: declareCaMetrics(createMetrics()),
  });
  await authority.refresh();
  const { chain, privateKey } = authority.issueServer([serverName]);
  const pair = { private_key: Buffer.from(privateKey), cert_chain: Buffer.from(chain.join('')) };
  return {
    server: ServerCredentials.createSsl(null, [pair]),
    client: credentials.createSsl(Buffer.from(authority.rootsPem)),
  };
}

const same = (bytes: Buffer) => bytes;

function addService(server: Server, answer: (call: ServerDuplexStream<Buffer, EncodedResponse>) => void): void {
  server.addService(
    {
      talk: {
        path,
        requestStream: true,
        responseStream: true,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: () => {
          throw new Error('the response is about to be copied');
        },
        responseDeserialize: same,
      },
    },
    { talk: answer },
  );
}
