import { expect } from 'chai';
import { createLogger, LateenError, type LogLevel } from './index.ts';

function capture(level: LogLevel) {
  const lines: string[] = [];
  const logger = createLogger({ level, write: (line) => lines.push(line) });
  return { logger, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('logger', () => {
  it('writes one JSON object a line with the constant message, the level as a word and the fields', () => {
    const { logger, parsed } = capture('info');
    logger.child({ scope: 'xds' }).info('proxy connected', { node: 'sidecar~1' });
    const [line] = parsed();
    expect(line).to.include({ level: 'info', message: 'proxy connected', scope: 'xds', node: 'sidecar~1' });
    expect(String(line?.time)).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('leaves out what is below its level', () => {
    const { logger, parsed } = capture('warn');
    logger.info('quiet');
    logger.warn('loud');
    expect(parsed().map(({ message }) => message)).to.deep.equal(['loud']);
  });

  it('writes errors with code, cause and stack', () => {
    const { logger, parsed } = capture('info');
    logger.error('apply failed', {
      error: new LateenError('conflict', 'somebody else owns it', { cause: new Error('409') }),
    });
    expect(parsed()[0]?.error).to.include({ code: 'conflict', message: 'somebody else owns it', cause: '409' });
  });
});
