import { expect } from 'chai';
import { LateenError, systemClock } from '#runtime/core/index.ts';
import { type FlagSpecs, parseFlags, renderFlags } from './flags.ts';
import { createLogger, parseLogLevel } from './log.ts';
import { runAgent } from './main.ts';

const specs: FlagSpecs = {
  port: { short: 'p', kind: 'text', help: 'a port', default: '15001' },
  dry: { kind: 'switch', help: 'a switch' },
};

describe('flags', () => {
  it('are read in every form that Istio’s templates use', () => {
    for (const args of [['--port', '1'], ['--port=1'], ['-p', '1']]) {
      expect(parseFlags([...args, 'rest'], specs)).to.deep.equal({ values: { port: '1' }, positionals: ['rest'] });
    }
    expect(parseFlags(['-p', ''], specs).values).to.deep.equal({ port: '' });
    expect(parseFlags(['--dry'], specs).values).to.deep.equal({ dry: 'true' });
    expect(parseFlags(['--dry=false'], specs).values).to.deep.equal({ dry: 'false' });
  });

  it('are refused by name when unknown or without their value', () => {
    for (const args of [['--prot', '1'], ['--port'], ['--dry=maybe']]) {
      expect(() => parseFlags(args, specs), args.join(' '))
        .to.throw(LateenError)
        .with.property('code', 'invalid');
    }
  });

  it('are explained', () => {
    expect(renderFlags(specs)).to.equal('  -p, --port VALUE  a port (default 15001)\n      --dry         a switch');
  });
});

describe('the command line', () => {
  const run = async (...args: string[]) => {
    let out = '';
    let err = '';
    const code = await runAgent(args, {
      env: {},
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      clock: systemClock,
      random: () => 0,
      onSignal: () => () => undefined,
    });
    return { code, out, err };
  };

  it('helps', async () => {
    expect((await run('--help')).out)
      .to.contain('istio-iptables')
      .and.to.contain('proxy');
    for (const command of ['proxy', 'istio-iptables', 'istio-clean-iptables', 'request', 'wait']) {
      const help = await run(command, '--help');
      expect(help.code, command).to.equal(0);
      expect(help.out, command).to.match(new RegExp(`^Usage: pilot-agent ${command}`));
    }
  });

  it('names a mistake in one line, with exit code 2', async () => {
    expect(await run()).to.include({ code: 2 });
    expect((await run('prxy')).err).to.equal(
      'pilot-agent: unknown command "prxy"; one of proxy, istio-iptables, istio-clean-iptables, request, wait\n',
    );
    const wrong = [
      ['proxy', 'waypoint'],
      ['proxy', '--nope'],
      ['istio-iptables', 'x'],
      ['request', 'GET'],
      ['wait', '--url', 'ftp://x'],
      ['wait', '--periodMillis', '0'],
    ];
    for (const args of wrong) {
      const { code, err } = await run(...args);
      expect(code, args.join(' ')).to.equal(2);
      expect(err, args.join(' ')).to.contain(`pilot-agent ${args[0]}: `).and.to.contain('--help');
    }
  });

  it('waits no longer than it is told for a proxy that is not there', async () => {
    const { code, err } = await run(
      'wait',
      '--url',
      'http://127.0.0.1:1/healthz/ready',
      '--timeoutSeconds',
      '0.2',
      '--periodMillis',
      '50',
    );
    expect(code).to.equal(1);
    expect(err).to.contain('proxy not ready after 0.2 s').and.to.contain('ECONNREFUSED');
  });
});

describe('log lines', () => {
  const write = (json: boolean) => {
    const lines: string[] = [];
    const clock = { ...systemClock, now: () => 0 };
    const log = createLogger({ level: 'info', json, clock, write: (line) => lines.push(line) });
    log.debug('hidden');
    log.info('shown', { count: 1, text: 'two words', none: undefined });
    return lines;
  };

  it('are one event each, as text or JSON', () => {
    expect(write(false)).to.deep.equal(['1970-01-01T00:00:00.000Z\tinfo\tshown\tcount=1\ttext="two words"\n']);
    expect(write(true).map((line) => JSON.parse(line))).to.deep.equal([
      { level: 'info', time: '1970-01-01T00:00:00.000Z', msg: 'shown', count: 1, text: 'two words' },
    ]);
  });

  it('follow Istio’s level flag', () => {
    const cases: [string, ReturnType<typeof parseLogLevel>][] = [
      ['debug', 'debug'],
      ['default:warn', 'warn'],
      ['default:info,ads:debug', 'info'],
      ['all:error', 'error'],
      ['ads:debug', 'info'],
      ['loud', undefined],
    ];
    for (const [text, level] of cases) expect(parseLogLevel(text), text).to.equal(level);
  });
});
