/** Brings the kernel's rules to a plan and checks the result. The only file here that runs programs. */
import { spawn } from 'node:child_process';
import { LateenError } from '#runtime/core/index.ts';
import type { Logger } from '../log.ts';
import type { Plan } from './plan.ts';
import { describeDifference, parseSave, renderRestore } from './restore.ts';
import type { Rule } from './rule.ts';

/** Runs a program to its end; the result says how it ended, a missing program counts as exit code 127. */
export type RunProgram = (
  program: string,
  args: readonly string[],
  input?: string,
) => Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;

export const runProgram: RunProgram = (program, args, input) =>
  new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.on('error', (error) => resolve({ code: 127, stdout, stderr: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr: stderr.trim() }));
    // A program that ends before it read its input reports itself by its exit code.
    child.stdin.on('error', (error) => {
      stderr += error.message;
    });
    child.stdin.end(input ?? '');
  });

export interface ApplyOptions {
  readonly run: RunProgram;
  readonly log: Logger;
}

/**
 * Applies a plan to both address families; doing it again changes nothing. Throws when the kernel refuses or differs after.
 * Rules of `former` in built-in chains are taken for ours too, so that an empty plan removes them.
 */
export async function applyPlan(plan: Plan, options: ApplyOptions, former: Plan = plan): Promise<void> {
  // At the same time: the pod waits for this, and the families have tables of their own.
  await Promise.all([
    applyFamily('iptables', plan.v4, former.v4, options),
    applyFamily('ip6tables', plan.v6, former.v6, options),
  ]);
}

/** One line per difference between plan and kernel, of both families. */
export async function verifyPlan(plan: Plan, options: ApplyOptions): Promise<readonly string[]> {
  const differences: string[] = [];
  for (const [base, rules] of [['iptables', plan.v4] as const, ['ip6tables', plan.v6] as const]) {
    if (rules.length === 0) continue;
    const variant = await resolveVariant(base, options.run);
    differences.push(...describeDifference(rules, parseSave(variant.saved)).map((line) => `${base}: ${line}`));
  }
  return differences;
}

async function applyFamily(
  base: 'iptables' | 'ip6tables',
  rules: readonly Rule[],
  former: readonly Rule[],
  options: ApplyOptions,
): Promise<void> {
  const { run, log } = options;
  const variant = await resolveVariant(base, run).catch((error: unknown) => {
    // Without rules to set, a kernel or image that lacks this family is no fault.
    if (rules.length === 0) return undefined;
    throw error;
  });
  if (!variant) return;
  const before = parseSave(variant.saved);
  if (describeDifference(rules, before, former).length === 0) {
    log.info('redirection already in force', { program: variant.program, rules: rules.length });
    return;
  }
  const text = renderRestore(rules, before, former);
  const restored = await run(`${variant.program}-restore`, ['--noflush', '--wait=30'], text);
  if (restored.code !== 0) {
    throw new LateenError('internal', `${variant.program}-restore refused the rules: ${restored.stderr}`);
  }
  const after = await run(`${variant.program}-save`, []);
  const differences = describeDifference(rules, parseSave(after.stdout), former);
  if (differences.length > 0) {
    throw new LateenError(
      'internal',
      `${variant.program}: rules are not in force after applying them: ${differences.join('; ')}`,
    );
  }
  log.info('redirection in force', { program: variant.program, rules: rules.length });
}

/**
 * The first spelling of the tools that can read this kernel's nat table: the system's choice, then nf_tables, then legacy.
 * One in which our chains already are wins, so that a second run meets the first one's rules.
 */
async function resolveVariant(
  base: 'iptables' | 'ip6tables',
  run: RunProgram,
): Promise<{ readonly program: string; readonly saved: string }> {
  const failures: string[] = [];
  const read = async (program: string) => {
    const nat = await run(`${program}-save`, ['-t', 'nat']);
    if (nat.code === 0) return [{ program, saved: (await run(`${program}-save`, [])).stdout }];
    failures.push(`${program}-save: ${nat.stderr || `exit code ${nat.code}`}`);
    return [];
  };
  const working = (await Promise.all([base, `${base}-nft`, `${base}-legacy`].map(read))).flat();
  const chosen = working.find(({ saved }) => saved.includes(':ISTIO_')) ?? working[0];
  if (chosen) return chosen;
  throw new LateenError(
    'unavailable',
    `no usable ${base} (needs NET_ADMIN and NET_RAW, and netfilter): ${failures.join('; ')}`,
  );
}
