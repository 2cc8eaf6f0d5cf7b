import { Listr, PRESET_TIMER } from 'listr2';
import type { Progress } from './kube.ts';

/** One visible piece of a long run. Doing it twice is the same as doing it once. */
export interface Step {
  readonly title: string;
  readonly run: (progress: Progress, signal: AbortSignal | undefined) => Promise<void>;
}

export interface StepsOptions {
  readonly signal?: AbortSignal;
  /** Independent steps run at the same time. */
  readonly concurrent?: boolean;
}

const plainProgressEveryMilliseconds = 10_000;
/** Steps that take no longer are not worth a time on a terminal. */
const shortMilliseconds = 500;

/**
 * Runs steps in order (or at once) and shows where they are: a live list on a terminal, plain lines elsewhere.
 * The first failure ends the run and is thrown.
 */
export async function runSteps(steps: readonly Step[], options: StepsOptions = {}): Promise<void> {
  if (process.stdout.isTTY && !process.env.CI) await runLive(steps, options);
  else await runPlain(steps, options);
}

async function runLive(steps: readonly Step[], { signal, concurrent = false }: StepsOptions): Promise<void> {
  const list = new Listr(
    steps.map((step) => ({
      title: step.title,
      task: (_context: unknown, task: { output: string }) =>
        step.run((message) => {
          task.output = message;
        }, signal),
    })),
    {
      concurrent,
      rendererOptions: {
        timer: { ...PRESET_TIMER, condition: (took: number) => took > shortMilliseconds, field: seconds },
      },
    },
  );
  await list.run();
}

async function runPlain(steps: readonly Step[], { signal, concurrent = false }: StepsOptions): Promise<void> {
  const runOne = async (step: Step) => {
    signal?.throwIfAborted();
    const started = performance.now();
    let spokenAt = started;
    process.stdout.write(`- ${step.title}\n`);
    await step.run((message) => {
      const now = performance.now();
      if (now - spokenAt < plainProgressEveryMilliseconds) return;
      spokenAt = now;
      process.stdout.write(`  ${step.title}: ${message}\n`);
    }, signal);
    process.stdout.write(`  ${step.title}: done in ${seconds(performance.now() - started)}\n`);
  };
  if (concurrent) await Promise.all(steps.map(runOne));
  else for (const step of steps) await runOne(step);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
