import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { LateenError } from '#runtime/core/index.ts';
import { DescriptorSet } from './descriptor.ts';
import { decode, encode, fromJson, type Message, pack } from './index.ts';

const requestType = 'envoy.service.discovery.v3.DiscoveryRequest';

const request: Message<typeof requestType> = {
  versionInfo: '7',
  node: {
    id: 'sidecar~10.0.0.1~a.b~b.svc.cluster.local',
    metadata: {
      fields: { LABELS: { structValue: { fields: { app: { stringValue: 'a' } } } }, N: { numberValue: 1.5 } },
    },
    extensions: [{ name: 'x', typeUrls: ['a', 'b'] }],
  },
  resourceNames: ['one', 'two'],
  typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  errorDetail: { code: 13, details: [pack('google.protobuf.Duration', { seconds: 1 })] },
};

/** Either a value or LateenError `invalid`; anything else fails. */
function onlyInvalid(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    expect(error).to.be.instanceOf(LateenError).with.property('code', 'invalid');
  }
}

describe('wire against hostile input', () => {
  it('resolves every field of every type in the set', () => {
    const set = new DescriptorSet(readFileSync(new URL('./generated/envoy.binpb', import.meta.url)));
    const names = set.names('message');
    expect(names.length).to.be.greaterThan(1500);
    for (const name of names) {
      for (const field of set.message(name).fields) {
        expect(field.name, `${name} ${field.number}`).to.not.equal('');
        if (field.type === 'message') expect(field.message.fullName).to.equal(field.typeName);
        if (field.type === 'enum') expect(field.enumeration.byNumber.size).to.be.greaterThan(0);
        expect(field.type).to.not.be.oneOf(['none', 'group']);
      }
    }
  });

  it('merges the pieces of a message, and does no more work for many of them', () => {
    const piece = (node: Message<'envoy.config.core.v3.Node'>) => encode(requestType, { node });
    const merged = decode(
      requestType,
      Buffer.concat([
        piece({
          id: 'a',
          clientFeatures: ['x'],
          metadata: { fields: { one: { stringValue: '1' } } },
          userAgentVersion: '1',
        }),
        piece({ id: 'b', clientFeatures: ['y'], metadata: { fields: { two: { numberValue: 2 } } } }),
        piece({ metadata: { fields: { one: { boolValue: true } } }, userAgentBuildVersion: { metadata: {} } }),
      ]),
    );
    expect(merged.node).to.deep.equal({
      id: 'b',
      clientFeatures: ['x', 'y'],
      metadata: { fields: { one: { boolValue: true }, two: { numberValue: 2 } } },
      userAgentBuildVersion: { metadata: {} },
    });
    // Copied for each piece, this would take an hour.
    const pieces = 500_000;
    const many = Buffer.alloc(pieces * 5, Uint8Array.of(0x12, 3, 0x52, 1, 0x78));
    expect(decode(requestType, many).node?.clientFeatures).to.have.lengthOf(pieces);
  });

  it('fails cleanly on mutated bytes', () => {
    const bytes = encode(requestType, request);
    const mutation = fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255), cut: fc.nat(bytes.length) });
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        let mutated = Uint8Array.from(bytes);
        for (const { at, byte, cut } of mutations) {
          if (at < mutated.length) mutated[at] = byte;
          if (byte % 4 === 0) mutated = mutated.subarray(0, cut);
        }
        onlyInvalid(() => decode(requestType, mutated));
      }),
      { numRuns: 3000 },
    );
  });

  it('fails cleanly on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => onlyInvalid(() => decode(requestType, bytes))),
      { numRuns: 2000 },
    );
  });

  it('bounds nesting in bytes and in JSON', () => {
    // google.protobuf.ListValue { values: [Value { list_value }] }, 10,000 deep: each level is two nested length prefixes.
    let bytes: Uint8Array = new Uint8Array();
    for (let i = 0; i < 10_000; i++) bytes = encode('google.protobuf.Any', { value: bytes });
    expect(() => decode('google.protobuf.Any', bytes)).to.not.throw();
    let nested: Buffer = Buffer.alloc(0);
    for (let i = 0; i < 3000; i++) nested = Buffer.concat([Buffer.from([0x32, ...varint(nested.length)]), nested]);
    const listValue = Buffer.concat([Buffer.from([0x0a, ...varint(nested.length)]), nested]);
    onlyInvalid(() => decode('google.protobuf.ListValue', listValue));
    const groups = Buffer.alloc(100_000, (1000 << 3) | 3);
    onlyInvalid(() => decode(requestType, groups));
    let json: object = {};
    for (let i = 0; i < 5000; i++) json = { andMatch: { rules: [json] } };
    onlyInvalid(() => fromJson('envoy.config.tap.v3.MatchPredicate', json));
    let plain: unknown = 1;
    for (let i = 0; i < 100_000; i++) plain = [plain];
    onlyInvalid(() => fromJson('google.protobuf.Value', plain));
  });

  it('fails cleanly on any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        onlyInvalid(() => fromJson('envoy.config.listener.v3.Listener', json));
        onlyInvalid(() => fromJson('google.protobuf.Struct', json));
        onlyInvalid(() =>
          fromJson('google.protobuf.Any', { '@type': 'type.googleapis.com/google.protobuf.Duration', value: json }),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('gives back what it encoded', () => {
    const value = fc.letrec<{ value: Message<'google.protobuf.Value'> }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string({ unit: 'grapheme' }).map((stringValue) => ({ stringValue })),
        fc.double({ noNaN: true }).map((numberValue) => ({ numberValue })),
        fc.boolean().map((boolValue) => ({ boolValue })),
        fc.array(tie('value'), { minLength: 1 }).map((values) => ({ listValue: { values } })),
      ),
    })).value;
    fc.assert(
      fc.property(value, (item) => {
        expect(decode('google.protobuf.Value', encode('google.protobuf.Value', item))).to.deep.equal(item);
      }),
    );
  });
});

function varint(number: number): number[] {
  return number < 128 ? [number] : [(number & 127) | 128, ...varint(number >>> 7)];
}
