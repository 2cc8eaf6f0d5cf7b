import { expect } from 'chai';
import { createLogger } from '#runtime/index.ts';
import { readInjection } from './injection.ts';

describe('the settings of injection', () => {
  const logged: string[] = [];
  const logger = createLogger({ level: 'info', write: (line) => logged.push(JSON.parse(line).message) });
  const read = (config: string | undefined, before: ReturnType<typeof readInjection>) => {
    logged.length = 0;
    return readInjection(config === undefined ? undefined : { config }, before, logger);
  };

  it('stay as they last were while what the ConfigMap says is wrong, or it is gone', () => {
    const off = read('policy: disabled', undefined);
    expect([off?.policy, ...logged]).to.deep.equal(['disabled']);
    const kept = 'the last valid ones stay in force';
    for (const [config, message] of [
      ['policy: disable', 'injection settings are not valid'],
      ['policy: [', 'injection settings are not YAML'],
      [undefined, 'the injection settings are gone'],
    ] as const) {
      expect(read(config, off)).to.equal(off);
      expect(logged).to.deep.equal([`${message}; ${kept}`]);
    }
    expect(read('policy: enabled', off)?.policy).to.equal('enabled');
  });

  it('claim nothing of earlier ones where there were none', () => {
    expect(read('policy: disable', undefined)?.policy).to.equal('enabled');
    expect(logged).to.deep.equal(['injection settings are not valid']);
    expect(read('policy: [', undefined)).to.equal(undefined);
    expect(logged).to.deep.equal(['injection settings are not YAML']);
    expect(read(undefined, undefined)?.policy).to.equal('enabled');
  });
});
