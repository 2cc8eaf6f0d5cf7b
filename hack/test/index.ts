/**
 * Runs the static checks and the rings of tests, all or those named, and ends with one line for all of them together.
 * Usage: node hack/test/index.ts [check|unit|pipeline|envoy|cluster ...]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checks } from '../check/checks.ts';
import { ensure, exitWithReason } from '../setup/index.ts';
import { type Ring, rings } from './rings.ts';

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Each failed test by its titles, with the first line of why. */
  readonly failures: readonly string[];
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
}

/** What is wrong with a ring as a whole counts as one failed test. */
function failRing(
  why: string,
  { passed, skipped }: Pick<Counts, 'passed' | 'skipped'> = { passed: 0, skipped: 0 },
): Counts {
  return { passed, failed: 1, skipped, failures: [`the ring as a whole ${why}`] };
}

async function runRing(ring: Ring): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-test-'));
  const counts = join(folder, 'counts.json');
  try {
    const code = await run(
      process.execPath,
      [
        'node_modules/mocha/bin/mocha.js',
        '--reporter',
        './hack/test/reporter.ts',
        '--timeout',
        String(ring.timeoutMs),
        ...ring.files,
      ],
      { ...process.env, LATEEN_TEST_COUNTS: counts },
    );
    let result: Counts;
    try {
      result = JSON.parse(readFileSync(counts, 'utf8')) as Counts;
    } catch {
      return failRing(`ended with code ${code} before it could count its tests`);
    }
    if (result.passed + result.failed === 0) {
      return failRing('found no test', result);
    }
    return code !== 0 && result.failed === 0 ? failRing(`ended with code ${code}`, result) : result;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function runChecks(): Promise<Counts> {
  const failures: string[] = [];
  for (const check of checks) {
    process.stdout.write(`\n- ${check.name}\n`);
    if ((await run(check.command, check.args)) !== 0) {
      const failure = `${check.name} (run it alone: ${[check.command, ...check.args].join(' ')})`;
      process.stderr.write(`check failed: ${failure}\n`);
      failures.push(failure);
    }
  }
  return { passed: checks.length - failures.length, failed: failures.length, skipped: 0, failures };
}

const asked = process.argv.slice(2);
const known = ['check', ...rings.map((ring) => ring.name)];
const unknown = asked.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`unknown ring ${unknown.join(', ')}: choose from ${known.join(', ')}\n`);
  process.exit(2);
}
const wanted = (name: string) => asked.length === 0 || asked.includes(name);
const chosen = rings.filter((ring) => wanted(ring.name));

await ensure([...new Set(['descriptors' as const, ...chosen.flatMap((ring) => ring.needs)])]).catch(exitWithReason);

const totals: [string, Counts][] = [];
if (wanted('check')) totals.push(['check', await runChecks()]);
for (const ring of chosen) {
  process.stdout.write(`\n=== ${ring.name}: ${ring.describes}\n`);
  const started = performance.now();
  const counts = await runRing(ring);
  process.stdout.write(`=== ${ring.name}: ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
  totals.push([ring.name, counts]);
}

const sum = totals.reduce(
  (all, [, counts]) => ({
    passed: all.passed + counts.passed,
    failed: all.failed + counts.failed,
    skipped: all.skipped + counts.skipped,
  }),
  { passed: 0, failed: 0, skipped: 0 },
);
// A run of all rings prints thousands of lines: what failed is said again where it is read.
for (const [name, { failures }] of totals)
  for (const failure of failures) process.stdout.write(`\nfailed in ${name}: ${failure}\n`);
process.stdout.write('\n');
for (const [name, counts] of totals)
  process.stdout.write(
    `  ${name.padEnd(10)} ${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}\n`,
  );
process.stdout.write(
  `\n${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}\n`,
);
process.exit(sum.failed + sum.skipped > 0 ? 1 : 0);
