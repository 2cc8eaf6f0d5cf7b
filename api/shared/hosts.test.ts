import { assert } from 'chai';
import { checkExpression } from './expression.ts';
import { checkHeaderValue } from './headers.ts';
import { checkGatewayHost, checkHostName, checkSidecarHost, checkWildcardHost } from './hosts.ts';
import { HostSet } from './hostset.ts';

const accepts = (check: (text: string, path: readonly string[]) => readonly unknown[], ...texts: string[]) => {
  for (const text of texts) assert.isEmpty(check(text, []), text);
};
const refuses = (check: (text: string, path: readonly string[]) => readonly unknown[], ...texts: string[]) => {
  for (const text of texts) assert.isNotEmpty(check(text, []), text);
};

describe('host names', () => {
  it('are DNS names, maybe ended by a dot', () => {
    accepts(checkHostName, 'a', 'a.example.com', 'A-1.example.com.', 'a'.repeat(63));
    refuses(
      checkHostName,
      '',
      '.',
      'a..b',
      '-a',
      'a_b',
      'example.123',
      '10.0.0.1',
      '*.a',
      'a'.repeat(64),
      'a.'.repeat(140),
    );
  });

  it('may begin with a wildcard where wildcards are allowed', () => {
    accepts(checkWildcardHost, '*', '*.example.com', '*-a.example.com', '*a.example.com');
    refuses(checkWildcardHost, 'a.*.com', 'a*.example.com', '**.example.com', '');
  });

  it('of gateways and sidecars carry a namespace', () => {
    accepts(checkGatewayHost, '*', 'a.example.com', 'ns/*.example.com', './a.example.com', '*/*', '10.0.0.1');
    refuses(checkGatewayHost, 'a', 'n_s/a.example.com', '/a.example.com', 'ns/');
    accepts(checkSidecarHost, './*', '*/*', '~/*', '~ns/*', 'ns/a.example.com');
    refuses(checkSidecarHost, 'a.example.com', 'ns/a', 'n_s/*', '/*');
  });

  it('lie within wildcards', () => {
    const set = new HostSet(['*.example.com', 'a.example.org']);
    assert.equal(set.findCover('a.example.com'), '*.example.com');
    assert.equal(set.findCover('*.a.example.com'), '*.example.com');
    assert.equal(set.findCover('*.example.com'), '*.example.com');
    assert.equal(set.findCover('a.example.org'), 'a.example.org');
    assert.isUndefined(set.findCover('example.com'));
    assert.isUndefined(set.findCover('*.example.org'));
    assert.isUndefined(set.findOther('*.example.com'));
    assert.equal(new HostSet(['*', 'a']).findOther('a'), '*');
  });

  it('are the same in upper and lower case', () => {
    const set = new HostSet(['*.Example.com', 'a.example.ORG']);
    assert.equal(set.findCover('A.example.org'), 'a.example.ORG');
    assert.equal(set.findCover('*.a.EXAMPLE.com'), '*.Example.com');
    assert.equal(set.findOther('a.example.COM'), '*.Example.com');
  });
});

describe('regular expressions', () => {
  it('are RE2: no look-around, no back references, no endless length', () => {
    accepts(checkExpression, '.*', '^/v[0-9]+(/|$)', '(?i)jason', '\\pL+');
    refuses(checkExpression, '', '(?=a)', '(a)\\1', '[a', 'a{2,1}', 'a'.repeat(1025));
  });
});

describe('header values', () => {
  it('hold percent signs in pairs or around operators', () => {
    accepts(
      checkHeaderValue,
      '',
      'a',
      '100%%',
      '%HOSTNAME%',
      'a %REQ(x-a)% b',
      '%A%%B%',
      '%START_TIME(%Y/%m/%d)%',
      'a\tb',
    );
    refuses(checkHeaderValue, '%', '100%', 'abc%123', '%START_TIME%%', 'a\u0000', 'a\nb');
  });
});
