import { expect } from 'chai';
import fc from 'fast-check';
import {
  answersQuery,
  asksForAddresses,
  buildForwarded,
  buildRelayed,
  buildReply,
  parseQuery,
  type Query,
  recordType,
  replyLimit,
  responseCode,
} from './message.ts';
import { buildName, readName, skipName } from './name.ts';
import { buildQuery, optRecord } from './testing/query.ts';

function parse(bytes: Buffer): Query {
  const parsed = parseQuery(bytes);
  if (parsed.kind !== 'query') throw new Error(`the query was ${parsed.kind}`);
  return parsed.query;
}

/** Response code of a refusal. */
function refusal(bytes: Buffer): number | undefined {
  const parsed = parseQuery(bytes);
  return parsed.kind === 'refused' ? parsed.reply.readUInt16BE(2) & 0xf : undefined;
}

describe('DNS messages', () => {
  it('a query is its one question and what the client says in its OPT record', () => {
    const query = parse(buildQuery('Reviews.Default.svc', recordType.aaaa, { id: 7 }));
    expect(query).to.deep.include({
      id: 7,
      question: { name: 'reviews.default.svc', type: recordType.aaaa, class: 1 },
      recursionDesired: true,
      edns: undefined,
    });
    expect(replyLimit(query, 'udp')).to.equal(512);
    expect(replyLimit(query, 'tcp')).to.equal(65_535);
    const extended = parse(buildQuery('a', recordType.a, { additional: [optRecord(4096)] }));
    expect(extended.edns).to.deep.equal({ udpLength: 4096, dnssec: false });
    expect(replyLimit(extended, 'udp')).to.equal(4096);
    expect(replyLimit(parse(buildQuery('a', recordType.a, { additional: [optRecord(100)] })), 'udp')).to.equal(512);
  });

  it('asks for addresses only of the internet’s class and the two types', () => {
    const asks = (type: number, family = 1) => asksForAddresses({ name: 'a', type, class: family });
    expect([asks(recordType.a), asks(recordType.aaaa), asks(16), asks(recordType.a, 3)]).to.deep.equal([
      true,
      true,
      false,
      false,
    ]);
  });

  it('answers of others and what is too short for a header are dropped: two proxies must not answer each other for ever', () => {
    const response = buildQuery('a', recordType.a);
    response.writeUInt16BE(0x8180, 2);
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(11), response])
      expect(parseQuery(bytes).kind).to.equal('dropped');
  });

  it('refuses with a header alone what holds no single question, and what is no look-up', () => {
    const good = buildQuery('a.b', recordType.a);
    const questions = (count: number) => {
      const bytes = Buffer.from(good);
      bytes.writeUInt16BE(count, 4);
      return bytes;
    };
    expect(refusal(questions(0))).to.equal(responseCode.formatError);
    expect(refusal(questions(2))).to.equal(responseCode.formatError);
    expect(refusal(questions(65_535))).to.equal(responseCode.formatError);
    for (let length = 12; length < good.length; length += 1)
      expect(refusal(good.subarray(0, length)), `${length} bytes`).to.equal(responseCode.formatError);
    const update = Buffer.from(good);
    update.writeUInt16BE(5 << 11, 2);
    expect(refusal(update)).to.equal(responseCode.notImplemented);
    expect(refusal(buildQuery('zone', recordType.axfr))).to.equal(responseCode.notImplemented);
    const [parsed] = [parseQuery(questions(2))];
    expect(parsed.kind === 'refused' && parsed.reply.length).to.equal(12);
  });

  it('a compressed, looping or endless name is no name', () => {
    const at = (...bytes: number[]) => Buffer.from(bytes);
    expect(readName(at(0xc0, 0x00), 0)).to.equal(undefined);
    expect(readName(at(0x01, 0x61, 0xc0, 0x00), 0)).to.equal(undefined);
    expect(readName(at(0x40, 0x61), 0)).to.equal(undefined);
    expect(readName(at(0x05, 0x61), 0)).to.equal(undefined);
    const endless = Buffer.concat(Array.from({ length: 200 }, () => at(1, 0x61)));
    expect(readName(Buffer.concat([endless, at(0)]), 0)).to.equal(undefined);
    expect(skipName(at(0xc0), 0)).to.equal(undefined);
    expect(skipName(at(0xc0, 0x00), 0)).to.equal(2);
    expect(buildName('a..b')).to.equal(undefined);
    expect(buildName('a'.repeat(64))).to.equal(undefined);
    expect(buildName(Array.from({ length: 130 }, () => 'a').join('.'))).to.equal(undefined);
  });

  it('a name survives the way there and back; a dot inside a label is no dot between labels', () => {
    const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
    fc.assert(
      fc.property(fc.array(label, { maxLength: 8 }), (labels) => {
        const wire = buildName(labels.join('.'));
        expect(wire && readName(wire, 0)).to.deep.equal({ name: labels.join('.'), end: wire?.length });
      }),
    );
    expect(readName(Buffer.from([3, 0x61, 0x2e, 0x62, 0]), 0)?.name).to.equal('a\\.b');
  });

  it('whatever arrives, parsing gives an outcome, and refusing it never sends more than came', () => {
    const near = fc
      .tuple(
        fc.constantFrom(buildQuery('reviews.default.svc', 1), buildQuery('a', 28, { additional: [optRecord(1232)] })),
        fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 6 }),
      )
      .map(([query, edits]) => {
        const bytes = Buffer.from(query);
        for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
        return bytes;
      });
    const anything = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(near, anything), (bytes) => {
        const parsed = parseQuery(bytes);
        if (parsed.kind === 'refused') expect(parsed.reply.length).to.be.at.most(bytes.length);
        if (parsed.kind !== 'query') return;
        expect(parsed.query.questionEnd).to.be.at.most(bytes.length);
        const reply = buildReply(parsed.query, { code: responseCode.serverFailure });
        expect(reply.length).to.be.at.most(parsed.query.questionEnd + 11);
        expect(answersQuery(reply, parsed.query, parsed.query.id)).to.equal(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('whatever a server sends, it is taken only for the same question under the same id', () => {
    const query = parse(buildQuery('example.com', recordType.a, { id: 1 }));
    const response = (name: string, type: number = recordType.a, flags = 0x8180) => {
      const bytes = buildQuery(name, type, { id: 77 });
      bytes.writeUInt16BE(flags, 2);
      return bytes;
    };
    expect(answersQuery(response('EXAMPLE.com'), query, 77)).to.equal(true);
    expect(answersQuery(response('example.com'), query, 78)).to.equal(false);
    expect(answersQuery(response('evil.com'), query, 77)).to.equal(false);
    expect(answersQuery(response('example.com', recordType.aaaa), query, 77)).to.equal(false);
    expect(answersQuery(response('example.com', recordType.a, 0x0100), query, 77), 'a query').to.equal(false);
    const bare = response('example.com').subarray(0, 12);
    bare.writeUInt16BE(0, 4);
    expect(answersQuery(bare, query, 77), 'no question, no error').to.equal(false);
    bare.writeUInt16BE(0x8181, 2);
    expect(answersQuery(bare, query, 77), 'no question, format error').to.equal(true);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        answersQuery(Buffer.from(bytes), query, 77);
      }),
    );
  });

  it('passes a query on and a response back as they are, but for the id and what the client cannot take', () => {
    const query = parse(buildQuery('example.com', recordType.a, { id: 1, additional: [optRecord(1000)] }));
    const forwarded = buildForwarded(query, 77);
    expect(forwarded.readUInt16BE(0)).to.equal(77);
    expect(forwarded.subarray(2).equals(query.bytes.subarray(2))).to.equal(true);
    const response = Buffer.concat([forwarded, Buffer.alloc(900)]);
    const relayed = buildRelayed(response, query, 1000);
    expect(relayed.readUInt16BE(0)).to.equal(1);
    expect(relayed.subarray(2).equals(response.subarray(2))).to.equal(true);
    const cut = buildRelayed(response, query, 512);
    expect(cut.length).to.equal(query.questionEnd + 11);
    expect(cut.readUInt16BE(2) & 0x0200, 'truncated').to.equal(0x0200);
  });
});
