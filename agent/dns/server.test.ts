import { createSocket } from 'node:dgram';
import { Resolver as Client } from 'node:dns/promises';
import { connect } from 'node:net';
import { expect } from 'chai';
import { systemClock } from '#runtime/core/index.ts';
import type { Logger } from '../log.ts';
import { exchangeTcp, exchangeUdp } from './exchange.ts';
import { headerLength, recordType } from './message.ts';
import { Resolver } from './resolver.ts';
import { DnsServer } from './server.ts';
import { buildFrame, FrameReader } from './stream.ts';
import { NameTable, parseNames } from './table.ts';
import { buildQuery } from './testing/query.ts';
import {
  chooseLoopback,
  type Respond,
  record,
  respondTo,
  startUpstream,
  type TestUpstream,
} from './testing/upstream.ts';
import { Upstream } from './upstream.ts';

const port = 15_053;
const manyPods = Array.from({ length: 200 }, (_, at) => `10.1.0.${at + 1}`);
const names = parseNames({
  'reviews.shop.svc.cluster.local': { ips: ['10.96.0.1'], registry: 'Kubernetes' },
  'dual.shop.svc.cluster.local': { ips: ['10.96.0.2', 'fd00::2'], registry: 'Kubernetes' },
  'many.shop.svc.cluster.local': { ips: manyPods, registry: 'Kubernetes' },
  'api.example.com': { ips: ['240.240.0.1'], registry: 'External' },
});
const answered = 0x8180;
const truncated = 0x8380;
const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** What only the pod's own servers know: an address, and a text that is too long for UDP. */
const elsewhere: Respond = (query, transport) => {
  const type = query.readUInt16BE(query.indexOf(0, headerLength) + 1);
  if (type === recordType.a) return [respondTo(query, answered, [record(recordType.a, Buffer.from([192, 0, 2, 1]))])];
  const text = Buffer.concat([Buffer.of(200), Buffer.alloc(200, 'x')]);
  if (type === 16 && transport === 'tcp') return [respondTo(query, answered, Array(5).fill(record(16, text)))];
  return [respondTo(query, type === 16 ? truncated : answered)];
};

describe('the DNS proxy on its port', () => {
  let address: string;
  let upstreams: TestUpstream[];
  let failures: string[];
  let requests: number;
  let stop: AbortController;
  let running: Promise<void>;
  let client: Client;

  /** Serves with these servers behind it; resolves once it listens. */
  async function serve(
    respond: readonly Respond[],
    table: 'complete' | 'empty' = 'complete',
    before: readonly TestUpstream[] = [],
  ): Promise<void> {
    upstreams = [...before];
    for (const one of respond) upstreams.push(await startUpstream(one));
    const nameTable = new NameTable({
      namespace: 'shop',
      domain: 'svc.cluster.local',
      search: ['shop.svc.cluster.local'],
    });
    if (table === 'complete') nameTable.update([['names', names]], []);
    const upstream = new Upstream({
      servers: upstreams,
      exchange: { udp: exchangeUdp, tcp: exchangeTcp },
      clock: systemClock,
      randomId: () => Math.floor(Math.random() * 65_536),
      onAnswered: () => undefined,
      onFailure: (server, error) => failures.push(`${server}: ${error.code}`),
    });
    const resolver = new Resolver({
      ...{ table: nameTable, upstream, random: Math.random },
      onRequest: () => {
        requests += 1;
      },
      onForwarded: () => undefined,
    });
    await new Promise<void>((resolve, reject) => {
      const log = { ...silent, info: () => resolve() };
      running = new DnsServer({ port, addresses: [address], resolver, log }).run(stop.signal);
      running.catch(reject);
    });
  }

  beforeEach(() => {
    address = chooseLoopback();
    failures = [];
    requests = 0;
    stop = new AbortController();
    client = new Client({ timeout: 5_000, tries: 1 });
    client.setServers([`${address}:${port}`]);
  });

  afterEach(async () => {
    stop.abort();
    for (const upstream of upstreams) await upstream.stop();
    await running;
  });

  it('answers addresses of both families, and says that a name exists where it has none of the family', async () => {
    await serve([elsewhere]);
    expect(await client.resolve4('reviews.shop.svc.cluster.local', { ttl: true })).to.deep.equal([
      { address: '10.96.0.1', ttl: 30 },
    ]);
    expect(await client.resolve4('dual')).to.deep.equal(['10.96.0.2']);
    expect(await client.resolve6('dual.shop')).to.deep.equal(['fd00::2']);
    const nothing = await client.resolve6('reviews.shop').catch((error: NodeJS.ErrnoException) => error.code);
    expect(nothing).to.equal('ENODATA');
    expect(upstreams[0]?.asked).to.deep.equal([]);
  });

  it('answers an expanded name with an alias and the addresses behind it', async () => {
    await serve([elsewhere]);
    expect(await client.resolve4('API.example.com.shop.svc.cluster.local')).to.deep.equal(['240.240.0.1']);
    expect(await client.resolve4('api.example.com')).to.deep.equal(['240.240.0.1']);
  });

  it('gives every pod of a headless Service, over TCP when UDP is too small, in changing order', async () => {
    await serve([elsewhere]);
    const first = await client.resolve4('many.shop');
    expect([...first].sort()).to.deep.equal([...manyPods].sort());
    expect(await client.resolve4('many.shop')).not.to.deep.equal(first);
  });

  it('passes everything else on, over the transport that the client uses', async () => {
    await serve([elsewhere]);
    expect(await client.resolve4('elsewhere.example')).to.deep.equal(['192.0.2.1']);
    expect(await client.resolveTxt('reviews.shop.svc.cluster.local')).to.have.length(5);
    expect(upstreams[0]?.asked).to.deep.equal(['udp', 'udp', 'tcp']);
    expect(failures).to.deep.equal([]);
  });

  it('takes no response for another question or under another id', async () => {
    const forged: Respond = (query) => {
      const other = Buffer.from(respondTo(query, answered, [record(recordType.a, Buffer.from([6, 6, 6, 6]))]));
      other.writeUInt16BE(query.readUInt16BE(0) ^ 1, 0);
      const elsewhereAsked = respondTo(buildQuery('evil.example', 1, { id: query.readUInt16BE(0) }), answered, [
        record(recordType.a, Buffer.from([6, 6, 6, 6])),
      ]);
      return [other, elsewhereAsked, Buffer.alloc(5), ...elsewhere(query, 'udp')];
    };
    await serve([forged]);
    expect(await client.resolve4('elsewhere.example')).to.deep.equal(['192.0.2.1']);
  });

  it('asks the next server when one is dead, and remembers which one lives', async () => {
    await serve([elsewhere, elsewhere]);
    await upstreams[0]?.stop();
    const [dead, living] = upstreams;
    expect(await client.resolve4('one.example')).to.deep.equal(['192.0.2.1']);
    expect(await client.resolve4('two.example')).to.deep.equal(['192.0.2.1']);
    expect(failures).to.deep.equal([`${dead?.address}: unavailable`]);
    expect(living?.asked).to.have.length(2);
    upstreams = upstreams.slice(1);
  });

  it('asks the next server when there is no way to one', async () => {
    // The kernel refuses to connect a socket to the address of everybody.
    const unreachable = { address: '255.255.255.255', port: 53, asked: [], stop: () => Promise.resolve() };
    await serve([elsewhere], 'complete', [unreachable]);
    expect(await client.resolve4('one.example')).to.deep.equal(['192.0.2.1']);
    expect(failures).to.have.length(1);
    expect(failures[0]).to.match(/^255\.255\.255\.255: unavailable$/);
  });

  it('fails in words of DNS when no server answers, and before it knows any name', async () => {
    await serve([]);
    const code = (error: NodeJS.ErrnoException) => error.code;
    expect(await client.resolve4('elsewhere.example').catch(code)).to.equal('ESERVFAIL');
    stop.abort();
    await running;
    stop = new AbortController();
    await serve([elsewhere], 'empty');
    expect(await client.resolve4('reviews.shop').catch(code)).to.equal('ESERVFAIL');
    expect(upstreams[0]?.asked).to.deep.equal([]);
  });

  it('survives what is no DNS on both transports, and serves on', async () => {
    await serve([elsewhere]);
    const udp = createSocket('udp4');
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(11), Buffer.alloc(512, 0xff), Buffer.alloc(60_000, 1)])
      await new Promise((resolve) => udp.send(bytes, port, address, resolve));
    udp.close();
    const cut = await new Promise<string>((resolve) => {
      const socket = connect(port, address, () =>
        socket.write(Buffer.concat([Buffer.of(0xff, 0xff), Buffer.alloc(100)])),
      );
      socket.on('close', () => resolve('closed'));
      socket.on('error', () => undefined);
    });
    expect(cut).to.equal('closed');
    expect(await client.resolve4('reviews.shop')).to.deep.equal(['10.96.0.1']);
    expect(requests).to.be.at.least(5);
  });

  it('answers many questions on one connection, also when the client has ended its side', async () => {
    await serve([elsewhere]);
    const questions = Array.from({ length: 100 }, (_, id) => buildQuery(id % 2 ? 'reviews' : 'e.example', 1, { id }));
    const ids = await new Promise<number[]>((resolve, reject) => {
      const reader = new FrameReader();
      const seen: number[] = [];
      const socket = connect({ port, host: address, allowHalfOpen: true }, () =>
        socket.end(Buffer.concat(questions.map(buildFrame))),
      );
      socket.on('error', reject);
      socket.on('data', (chunk) => seen.push(...reader.push(chunk).map((reply) => reply.readUInt16BE(0))));
      socket.on('end', () => resolve(seen.sort((a, b) => a - b)));
    });
    expect(ids).to.deep.equal(questions.map((_, id) => id));
  });
});
