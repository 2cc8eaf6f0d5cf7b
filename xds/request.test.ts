import { expect } from 'chai';
import { encode } from '#wire/index.ts';
import { type Protocol, parseRequest, RequestParser } from './request.ts';
import { CLUSTER, ENDPOINT } from './types.ts';

const delta = (message: Parameters<typeof encode<'envoy.service.discovery.v3.DeltaDiscoveryRequest'>>[1]) =>
  encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', message);
const sotw = (message: Parameters<typeof encode<'envoy.service.discovery.v3.DiscoveryRequest'>>[1]) =>
  encode('envoy.service.discovery.v3.DiscoveryRequest', message);

describe('requests of many clients', () => {
  const requests: readonly (readonly [Protocol, Uint8Array])[] = [
    ['delta', delta({ typeUrl: CLUSTER, responseNonce: '7' })],
    ['delta', delta({ typeUrl: CLUSTER, responseNonce: '8' })],
    ['delta', delta({ typeUrl: ENDPOINT, responseNonce: '7' })],
    ['delta', delta({ typeUrl: CLUSTER, responseNonce: '7', errorDetail: { code: 13, message: 'no' } })],
    ['delta', delta({ typeUrl: CLUSTER, resourceNamesSubscribe: ['a'] })],
    ['sotw', sotw({ typeUrl: CLUSTER, responseNonce: '7', resourceNames: ['a'] })],
    ['sotw', sotw({ typeUrl: CLUSTER, responseNonce: '7', versionInfo: 'a' })],
    ['delta', delta({ typeUrl: ENDPOINT, responseNonce: '9', resourceNamesSubscribe: [`${'a'.repeat(600)}`] })],
  ];

  it('are read as each of them by itself, in whatever order they come', () => {
    const parser = new RequestParser();
    for (const first of requests)
      for (const second of requests)
        for (const [protocol, bytes] of [first, second, second, first])
          expect(parser.parse(protocol, bytes)).to.deep.equal(parseRequest(protocol, bytes));
  });

  it('that acknowledge in the same bytes are read once', () => {
    const parser = new RequestParser();
    const bytes = delta({ typeUrl: CLUSTER, responseNonce: '7' });
    const parsed = parser.parse('delta', bytes);
    expect(parser.parse('delta', Uint8Array.from(bytes))).to.equal(parsed);
    expect(parser.parse('delta', delta({ typeUrl: ENDPOINT, responseNonce: '7' }))).to.not.equal(parsed);
    expect(parser.parse('delta', bytes)).to.equal(parsed);
  });

  it('are not mixed up when the bytes of one are used again for another', () => {
    const parser = new RequestParser();
    const bytes = Buffer.from(delta({ typeUrl: CLUSTER, responseNonce: '7' }));
    parser.parse('delta', bytes);
    bytes.set(delta({ typeUrl: CLUSTER, responseNonce: '8' }));
    expect(parser.parse('delta', bytes)).to.deep.equal(parseRequest('delta', bytes));
  });
});
