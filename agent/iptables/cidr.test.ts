import { expect } from 'chai';
import fc from 'fast-check';
import { isLoopback, parseCidr } from './cidr.ts';

describe('CIDR ranges', () => {
  it('prints them as the kernel does', () => {
    const cases: [string, string][] = [
      ['10.1.2.3/8', '10.0.0.0/8'],
      ['192.168.1.1', '192.168.1.1/32'],
      ['0.0.0.0/0', '0.0.0.0/0'],
      ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1/128'],
      ['2001:db8:ffff::/33', '2001:db8:8000::/33'],
      ['::ffff:10.0.0.1', '::ffff:a00:1/128'],
      ['::/0', '::/0'],
      ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7/128'],
    ];
    for (const [input, text] of cases) expect(parseCidr(input)?.text, input).to.equal(text);
  });

  it('refuses what is none', () => {
    for (const input of ['', 'x', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1', '300.0.0.1']) {
      expect(parseCidr(input), input).to.equal(undefined);
    }
  });

  it('is stable: a printed range parses to itself', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(128), (address, prefix) => {
        const cidr = parseCidr(`${address}/${address.includes(':') ? prefix : prefix % 33}`);
        expect(cidr).not.to.equal(undefined);
        expect(parseCidr(cidr?.text ?? '')).to.deep.equal(cidr);
      }),
    );
  });

  it('knows loopback', () => {
    for (const text of ['127.0.0.1', '127.1.2.3/32', '::1'])
      expect(isLoopback(parseCidr(text) ?? { family: 4, text }), text).to.equal(true);
    for (const text of ['10.0.0.0/8', '::'])
      expect(isLoopback(parseCidr(text) ?? { family: 4, text }), text).to.equal(false);
  });
});
