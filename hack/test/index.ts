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
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
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
      process.stderr.write(`the ${ring.name} ring ended with code ${code} before it could count its tests\n`);
      return { passed: 0, failed: 1, skipped: 0 };
    }
    if (result.passed + result.failed === 0) {
      process.stderr.write(`the ${ring.name} ring found no test\n`);
      return { passed: 0, failed: 1, skipped: result.skipped };
    }
    return code !== 0 && result.failed === 0 ? { ...result, failed: 1 } : result;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function runChecks(): Promise<Counts> {
  let failed = 0;
  for (const check of checks) {
    process.stdout.write(`\n- ${check.name}\n`);
    if ((await run(check.command, check.args)) !== 0) {
      failed += 1;
      process.stderr.write(`check failed: ${check.name} (run it alone: ${[check.command, ...check.args].join(' ')})\n`);
    }
  }
  return { passed: checks.length - failed, failed, skipped: 0 };
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
process.stdout.write('\n');
for (const [name, counts] of totals)
  process.stdout.write(
    `  ${name.padEnd(10)} ${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}\n`,
  );
process.stdout.write(
  `\n${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}\n`,
);
process.exit(sum.failed + sum.skipped > 0 ? 1 : 0);
