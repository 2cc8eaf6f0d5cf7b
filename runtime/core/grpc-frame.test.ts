import { expect } from 'chai';
import fc from 'fast-check';
import { buildFrame, FrameReader } from './grpc-frame.ts';

describe('gRPC frames', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(buildFrame));
        const reader = new FrameReader(100);
        const received: Uint8Array[] = [];
        let at = 0;
        for (let turn = 0; at < bytes.length; turn += 1) {
          const end = at + (cuts[turn % cuts.length] ?? 1);
          received.push(...reader.push(bytes.subarray(at, end)));
          at = end;
        }
        expect(received.map((message) => [...message])).to.deep.equal(sent.map((message) => [...message]));
      }),
    );
  });

  it('are refused when they are compressed or over the limit, as soon as the header says so', () => {
    const header = (flags: number, length: number) => {
      const bytes = Buffer.alloc(5);
      bytes.writeUInt8(flags, 0);
      bytes.writeUInt32BE(length, 1);
      return bytes;
    };
    expect(() => new FrameReader(10).push(header(1, 1))).to.throw('compressed');
    expect(() => new FrameReader(10).push(header(0, 11))).to.throw('over the limit');
    expect(new FrameReader(10).push(header(0, 10))).to.deep.equal([]);
  });
});
