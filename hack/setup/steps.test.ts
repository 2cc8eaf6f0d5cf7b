import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';

const steps = join(import.meta.dirname, 'steps.ts');

/** What the steps of this program show, on a terminal or elsewhere, and how it ends. */
async function show(body: string, terminal: boolean): Promise<{ readonly code: unknown; readonly text: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'lateen-steps-'));
  try {
    const program = join(folder, 'program.ts');
    await writeFile(program, `import { runSteps } from ${JSON.stringify(steps)};\n${body}`);
    // `script` gives the program a terminal of its own.
    const [command, args] = terminal
      ? [
          'script',
          ['--quiet', '--return', '--command', `stty cols 100 rows 30; ${process.execPath} ${program}`, '/dev/null'],
        ]
      : [process.execPath, [program]];
    const { CI: _, ...env } = process.env;
    return await new Promise((resolve) => {
      execFile(command, args, { env: { ...env, TERM: 'xterm' } }, (error, stdout) =>
        resolve({ code: error === null ? 0 : error.code, text: stripVTControlCharacters(stdout) }),
      );
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

const twoSteps = `
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
await runSteps([
  { title: 'long', run: async (progress) => { progress('half of it'); await wait(700); } },
  { title: 'short', run: async () => {} },
]);
`;
const failing = `
await runSteps([{ title: 'broken', run: async () => { throw new Error('the reason'); } }, { title: 'never', run: async () => {} }])
  .catch((error) => { console.log('thrown: ' + error.message); process.exit(3); });
`;

describe('steps of a long run', () => {
  it('are a live list on a terminal, with what they do and how long they took', async () => {
    const { code, text } = await show(twoSteps, true);
    expect(code).to.equal(0);
    expect(text).to.include('half of it');
    expect(text).to.match(/✔ long \[\d+\.\d s\]/);
    expect(text).to.match(/✔ short\r?\n/);
  });

  it('are plain lines elsewhere', async () => {
    const { code, text } = await show(twoSteps, false);
    expect(code).to.equal(0);
    expect(text).to.match(/^- long\n {2}long: done in \d+\.\d s\n- short\n {2}short: done in \d+\.\d s\n$/);
  });

  for (const terminal of [true, false]) {
    it(`end with the first that fails ${terminal ? 'on a terminal' : 'elsewhere'}`, async () => {
      const { code, text } = await show(failing, terminal);
      expect(code).to.equal(3);
      expect(text).to.include('thrown: the reason');
      expect(text).to.not.match(/✔ never|never: done/);
    });
  }
});
