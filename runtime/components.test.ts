import { expect } from 'chai';
import { FakeClock, settled } from './core/testing.ts';
import { type Component, LateenError, runComponents } from './index.ts';

/** A component that notes when it starts and stops, and stops when told to unless it is stubborn. */
function noting(
  name: string,
  log: string[],
  options: { readonly stubborn?: boolean } = {},
): Component & { fail(thrown: unknown): void; end(): void } {
  let fail: (thrown: unknown) => void = () => undefined;
  let end: () => void = () => undefined;
  return {
    name,
    run: (signal) =>
      new Promise((resolve, reject) => {
        log.push(`${name} starts`);
        fail = reject;
        end = resolve;
        signal.addEventListener('abort', () => {
          log.push(`${name} stops`);
          if (options.stubborn !== true) resolve();
        });
      }),
    fail: (thrown) => fail(thrown),
    end: () => end(),
  };
}

describe('runComponents', () => {
  it('starts in order and stops in the opposite order when asked to', async () => {
    const log: string[] = [];
    const stop = new AbortController();
    const all = runComponents([noting('registry', log), noting('server', log)], stop.signal);
    await settled();
    stop.abort();
    await all;
    expect(log).to.deep.equal(['registry starts', 'server starts', 'server stops', 'registry stops']);
  });

  it('waits for a component to have stopped before it stops the one that was started earlier', async () => {
    const log: string[] = [];
    const stop = new AbortController();
    const server = noting('server', log, { stubborn: true });
    const all = runComponents([noting('registry', log), server], stop.signal, { clock: new FakeClock() });
    stop.abort();
    await settled();
    expect(log.at(-1)).to.equal('server stops');
    server.end();
    await all;
    expect(log.at(-1)).to.equal('registry stops');
  });

  it('stops all when one fails, and rejects with that failure', async () => {
    const log: string[] = [];
    const server = noting('server', log);
    const all = runComponents([noting('registry', log), server], new AbortController().signal);
    await settled();
    server.fail(new LateenError('unavailable', 'port is taken'));
    expect(String(await all.catch(String))).to.contain('port is taken');
    expect(log.at(-1)).to.equal('registry stops');
  });

  it('takes a throw at the start as a failure and stops the others', async () => {
    const log: string[] = [];
    const broken: Component = {
      name: 'broken',
      run: () => {
        throw new Error('at once');
      },
    };
    const all = runComponents([broken, noting('later', log)], new AbortController().signal);
    expect(String(await all.catch(String))).to.contain('at once');
    expect(log).to.deep.equal(['later starts', 'later stops']);
  });

  it('takes an end that nobody asked for as a failure', async () => {
    const log: string[] = [];
    const server = noting('server', log);
    const all = runComponents([server], new AbortController().signal);
    await settled();
    server.end();
    expect(String(await all.catch(String))).to.contain('server ended by itself');
  });

  it('gives up on a component that does not stop in time, names it, and still stops the rest', async () => {
    const log: string[] = [];
    const clock = new FakeClock();
    const stop = new AbortController();
    const all = runComponents([noting('registry', log), noting('server', log, { stubborn: true })], stop.signal, {
      clock,
      shutdownMs: 5000,
    });
    const outcome = all.catch(String);
    stop.abort();
    await clock.advance(5000);
    expect(await outcome).to.equal('LateenError: did not stop within 5000 ms: server');
    expect(log).to.include('registry stops');
  });
});
