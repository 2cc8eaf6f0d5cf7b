import { expect } from 'chai';
import { decode, encode } from '#wire/index.ts';
import { appendFields } from './concatenate.ts';

describe('appendFields', () => {
  it('yields what encoding the whole message would mean, for parts of any size', () => {
    const hosts = [1, 100, 200, 20_000].map((size) => ({ name: `h${size}`, domains: ['x'.repeat(size)] }));
    const type = 'envoy.config.route.v3.RouteConfiguration';
    const head = encode(type, { name: '80', ignorePortInHostMatching: true });
    const parts = hosts.map((host) => encode('envoy.config.route.v3.VirtualHost', host));
    const whole = encode(type, { name: '80', ignorePortInHostMatching: true, virtualHosts: hosts });
    expect(decode(type, appendFields(head, 2, parts))).to.deep.equal(decode(type, whole));
  });

  it('leaves a message without parts as it is', () => {
    const head = encode('envoy.config.route.v3.RouteConfiguration', { name: '80' });
    expect(appendFields(head, 2, [])).to.deep.equal(head);
  });
});
