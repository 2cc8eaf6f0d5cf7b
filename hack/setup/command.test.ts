import { expect } from 'chai';
import { LateenError } from '#runtime/core/index.ts';
import { commandSucceeds, runCommand } from './command.ts';
import { processStartTime } from './process-identity.ts';

describe('running a program', () => {
  const failureOf = async (run: Promise<unknown>) => {
    const thrown = await run.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(thrown instanceof LateenError)) throw new Error('it did not fail');
    return thrown;
  };

  it('gives standard output, passes standard input, and hands out lines of both streams', async () => {
    const lines: string[] = [];
    const options = { input: 'a\nb', onLine: (line: string) => lines.push(line) };
    expect(await runCommand('sh', ['-c', 'cat; echo warning >&2'], options)).to.equal('a\nb');
    expect(lines).to.have.members(['a', 'b', 'warning']);
  });

  it('says what failed and how, with the last words on standard error', async () => {
    const error = await failureOf(runCommand('sh', ['-c', 'echo first; echo the reason >&2; exit 3']));
    expect(error.message).to.match(/exit code 3\nthe reason$/);
  });

  it('names a program that is not there', async () => {
    expect((await failureOf(runCommand('lateen-no-such-program', []))).message).to.equal(
      'lateen-no-such-program: is not installed',
    );
    expect(await commandSucceeds('lateen-no-such-program', [])).to.equal(false);
  });

  it('ends it when told to stop', async () => {
    const controller = new AbortController();
    const run = failureOf(runCommand('sleep', ['60'], { signal: controller.signal }));
    controller.abort();
    expect((await run).code).to.equal('aborted');
  });
});

describe('when a process started', () => {
  it('stays the same while it runs, and is unknown for none', async () => {
    const own = await processStartTime(process.pid);
    expect(own).to.match(/^\d+$/);
    expect(await processStartTime(process.pid)).to.equal(own);
    expect(await processStartTime(2 ** 22 + 1)).to.equal(undefined);
  });
});
