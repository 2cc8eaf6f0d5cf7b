import { expect } from 'chai';
import { parseArguments } from './arguments.ts';
import { defaultScale } from './scale/options.ts';

describe('benchmark arguments', () => {
  const known = ['install', 'memory'];
  const parse = (...words: string[]) => parseArguments(words, known);

  it('name benchmarks, a cluster and a number of repetitions', () => {
    const nothing = {
      ...{ help: false, names: [], cluster: undefined, keep: false, repetitions: undefined },
      scale: defaultScale,
    };
    expect(parse()).to.deep.equal(nothing);
    expect(parse('memory', 'install', 'memory', '-n', '2', '--cluster', 'other')).to.deep.equal({
      ...nothing,
      names: ['memory', 'install'],
      cluster: 'other',
      repetitions: 2,
    });
    expect(parse('--help', '--keep')).to.deep.equal({ ...nothing, help: true, keep: true });
  });

  it('say what to measure at scale', () => {
    const options = [
      '--proxies',
      '10,20',
      '--services',
      '30',
      '--namespaces',
      '4',
      '--tls',
      '--quick',
      '--istiod',
      'x',
    ];
    expect(parse(...options).scale).to.deep.equal({
      ...{ proxies: [10, 20], services: 30, namespaces: 4, tls: true, quick: true, istiod: 'x' },
    });
    expect(() => parse('--proxies', '10,many')).to.throw('--proxies many: use a whole number from 1 up');
  });

  it('are refused with what would be understood', () => {
    expect(() => parse('instal')).to.throw('no benchmark is named "instal"; there are: install, memory');
    expect(() => parse('--fast')).to.throw(/--fast.*see --help/);
    for (const count of ['0', 'x', '1.5']) expect(() => parse('-n', count)).to.throw(`--repetitions ${count}`);
  });
});
