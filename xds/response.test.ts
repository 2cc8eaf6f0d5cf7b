import { expect } from 'chai';
import fc from 'fast-check';
import { decode } from '#wire/index.ts';
import { createResponseEncoder, joinResponse } from './response.ts';
import type { Outgoing } from './session.ts';
import { Step } from './steps.ts';
import { cluster } from './testing/resources.ts';
import { CLUSTER, resourceType } from './types.ts';

const type = resourceType(CLUSTER);
if (type === undefined) throw new Error('no type');

function outgoing(more: Partial<Outgoing> = {}): Outgoing {
  return { type: type as NonNullable<typeof type>, resources: [], removed: [], nonce: '7', revision: 42, ...more };
}

describe('response encoding', () => {
  it('gives delta responses that any protobuf codec reads', () => {
    const resource = { ...cluster('a', 'v1'), bytes: Buffer.from('0a0161', 'hex') };
    const bytes = joinResponse(
      createResponseEncoder(0).encode('delta', outgoing({ resources: [resource], removed: ['gone', 'weg'] })),
    );
    expect(decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes)).to.deep.equal({
      systemVersionInfo: '42',
      nonce: '7',
      typeUrl: CLUSTER,
      resources: [{ name: 'a', version: 'v1', resource: { typeUrl: CLUSTER, value: new Uint8Array([0x0a, 1, 0x61]) } }],
      removedResources: ['gone', 'weg'],
    });
  });

  it('names what is absent in resources without content, as their own alias', () => {
    const bytes = joinResponse(createResponseEncoder(0).encode('delta', outgoing({ absent: ['none', 'keine'] })));
    expect(decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes)).to.deep.equal({
      systemVersionInfo: '42',
      nonce: '7',
      typeUrl: CLUSTER,
      resources: [
        { name: 'none', aliases: ['none'] },
        { name: 'keine', aliases: ['keine'] },
      ],
    });
  });

  it('gives state-of-the-world responses that any protobuf codec reads', () => {
    const resource = { ...cluster('a', 'v1'), bytes: Buffer.from('0a0161', 'hex') };
    const bytes = joinResponse(createResponseEncoder(0).encode('sotw', outgoing({ resources: [resource] })));
    expect(decode('envoy.service.discovery.v3.DiscoveryResponse', bytes)).to.deep.equal({
      versionInfo: '42',
      nonce: '7',
      typeUrl: CLUSTER,
      resources: [{ typeUrl: CLUSTER, value: new Uint8Array([0x0a, 1, 0x61]) }],
    });
  });

  it('keeps lengths right at every size', () => {
    const named = fc.record({
      name: fc.string({ unit: 'grapheme' }),
      version: fc.string(),
      size: fc.nat({ max: 70_000 }),
    });
    fc.assert(
      fc.property(
        fc.array(named, { maxLength: 4 }),
        fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 3 }),
        (parts, removed) => {
          const resources = parts.map(({ name, version, size }) => ({
            ...cluster(name, version),
            bytes: Buffer.alloc(size, 1),
          }));
          const bytes = joinResponse(createResponseEncoder(0).encode('delta', outgoing({ resources, removed })));
          const message = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes);
          const seen = (message.resources ?? []).map(({ name = '', version = '', resource }) => [
            name,
            version,
            resource?.value?.length ?? 0,
          ]);
          expect(seen).to.deep.equal(parts.map(({ name, version, size }) => [name, version, size]));
          expect(message.removedResources ?? []).to.deep.equal(removed);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('shares the body between streams that are sent the same, and keeps the tail apart', () => {
    const encoder = createResponseEncoder(1 << 20);
    const resources = [cluster('a'), cluster('b')];
    const first = encoder.encode('delta', outgoing({ resources, nonce: '1' }));
    const second = encoder.encode('delta', outgoing({ resources, nonce: '2' }));
    expect(second.parts[0]).to.equal(first.parts[0]);
    expect(second.parts[1]).to.not.deep.equal(first.parts[1]);
    expect(encoder.encode('sotw', outgoing({ resources })).parts[0]).to.not.equal(first.parts[0]);
    expect(encoder.encode('delta', outgoing({ resources, removed: ['x'] })).parts[0]).to.not.equal(first.parts[0]);
  });

  it('shares the body of a step, whatever stands beside it', () => {
    const encoder = createResponseEncoder(1 << 20);
    const [one, two] = ['a', 'b'].map((name) => new Step(new Map(), [{ name, resource: cluster(name) }]));
    if (one === undefined || two === undefined) throw new Error('no steps');
    const encode = (...steps: Step[]) =>
      encoder.encode('delta', outgoing({ resources: steps.flatMap(({ resources }) => resources), steps }));
    expect(encode(one, two).parts[0]).to.equal(encode(one).parts[0]);
    expect(encode(one, two).parts[1]).to.equal(encode(two).parts[0]);
    const message = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', joinResponse(encode(one, two)));
    expect(message.resources?.map(({ name }) => name)).to.deep.equal(['a', 'b']);
  });

  it('forgets the bodies that were used least recently when the bound is reached', () => {
    const encoder = createResponseEncoder(4_500);
    const large = (name: string) => outgoing({ resources: [{ ...cluster(name), bytes: Buffer.alloc(1_000) }] });
    const [a, b, c] = [large('a'), large('b'), large('c')];
    const bodyOfA = encoder.encode('delta', a).parts[0];
    const bodyOfB = encoder.encode('delta', b).parts[0];
    expect(encoder.encode('delta', a).parts[0]).to.equal(bodyOfA);
    encoder.encode('delta', c);
    expect(encoder.encode('delta', a).parts[0]).to.equal(bodyOfA);
    expect(encoder.encode('delta', b).parts[0]).to.not.equal(bodyOfB);
  });

  it('forgets the bodies that nobody was sent for a minute', () => {
    let now = 0;
    const encoder = createResponseEncoder(1 << 20, () => now);
    const [a, b] = ['a', 'b'].map((name) => outgoing({ resources: [cluster(name)] }));
    if (a === undefined || b === undefined) throw new Error('no responses');
    const bodyOfA = encoder.encode('delta', a).parts[0];
    const bodyOfB = encoder.encode('delta', b).parts[0];
    now = 40_000;
    expect(encoder.encode('delta', b).parts[0]).to.equal(bodyOfB);
    now = 70_000;
    expect(encoder.encode('delta', b).parts[0]).to.equal(bodyOfB);
    expect(encoder.encode('delta', a).parts[0]).to.not.equal(bodyOfA);
  });
});
