import { expect } from 'chai';
import { FakeClock } from '#runtime/core/testing.ts';
import { HealthCheck } from './check.ts';
import { probeApplication } from './probing.ts';
import { type HealthSettings, parseHealthSettings } from './settings.ts';

const settings = { initialDelay: 5_000, period: 1_000, successThreshold: 1, failureThreshold: 1 };

/** What a check tells of looks with these outcomes, one a second. */
async function follow(outcomes: readonly string[], more: Partial<typeof settings> = {}): Promise<readonly string[]> {
  const clock = new FakeClock();
  const told: string[] = [];
  const left = [...outcomes];
  const stop = new AbortController();
  const check = new HealthCheck({
    settings: { ...settings, ...more },
    look: async () => {
      const outcome = left.shift() ?? '';
      if (left.length === 0) stop.abort();
      return outcome;
    },
    onChange: ({ healthy, message }) => told.push(`${clock.monotonic() / 1000} ${healthy ? 'healthy' : message}`),
    clock,
  });
  const running = check.run(stop.signal);
  await clock.advance(60_000);
  await running;
  return told;
}

describe('a health check', () => {
  it('tells the first verdict after its delay, then changes only', async () => {
    expect(await follow(['', '', 'down', 'down', '', 'end'])).to.deep.equal(['5 healthy', '7 down', '9 healthy']);
  });

  it('needs as many looks in a row as it is told', async () => {
    const outcomes = ['down', '', '', 'down', '', 'down', 'down', '', 'end'];
    expect(await follow(outcomes, { successThreshold: 2, failureThreshold: 2 })).to.deep.equal([
      '7 healthy',
      '11 down',
    ]);
  });
});

describe('the readiness probe of a workload', () => {
  const parse = (probe: unknown) => {
    const problems: string[] = [];
    const parsed = parseHealthSettings(probe, { add: (line) => problems.push(line) });
    return { parsed, problems };
  };

  it('has Istio’s defaults', () => {
    expect(parse(undefined)).to.deep.equal({ parsed: undefined, problems: [] });
    expect(parse({ tcpSocket: { port: 80 } }).parsed).to.deep.equal({
      target: { kind: 'tcp', port: 80 },
      ...{ initialDelay: 0, timeout: 1000, period: 10_000, successThreshold: 1, failureThreshold: 1 },
    });
    const all = {
      httpGet: {
        port: 8080,
        path: '/up',
        host: '127.0.0.1',
        scheme: 'HTTPS',
        httpHeaders: [{ name: 'a', value: 'b' }],
      },
      ...{ initialDelaySeconds: 1, timeoutSeconds: 2, periodSeconds: 3, successThreshold: 4, failureThreshold: 5 },
    };
    expect(parse(all).parsed).to.deep.equal({
      target: { kind: 'http', scheme: 'https', host: '127.0.0.1', port: 8080, path: '/up', headers: { a: 'b' } },
      ...{ initialDelay: 1000, timeout: 2000, period: 3000, successThreshold: 4, failureThreshold: 5 },
    });
  });

  for (const [probe, problem] of [
    [{}, 'none of httpGet'],
    [[], 'not an object'],
    [{ httpGet: { port: 0 } }, 'httpGet.port'],
    [{ exec: { command: [] } }, 'exec.command'],
    [{ tcpSocket: { port: 80 }, periodSeconds: -1 }, 'readinessProbe.periodSeconds'],
  ] as const) {
    it(`is refused with its field: ${problem}`, () => {
      expect(parse(probe).problems.join()).to.contain(problem);
    });
  }

  it('may be a command: healthy when it ends with 0, in time', async () => {
    const run = (...command: [string, ...string[]]) => {
      const target: HealthSettings['target'] = { kind: 'exec', command };
      return probeApplication({ target, timeout: 500 }, '127.0.0.1');
    };
    expect(await run('true')).to.equal('');
    expect(await run('sh', '-c', 'echo no disk >&2; exit 3')).to.equal('sh ended with 3 no disk');
    expect(await run('sleep', '60')).to.equal('sleep did not end within 500 ms');
    expect(await run('/nowhere')).to.contain('ENOENT');
  });
});
