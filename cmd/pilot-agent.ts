/** Entry point of the process beside a workload. */
import { runAgent } from '#agent/index.ts';
import { systemClock } from '#runtime/core/index.ts';

const signals = ['SIGTERM', 'SIGINT'] as const;

const ended = runAgent(process.argv.slice(2), {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  clock: systemClock,
  random: Math.random,
  onSignal: (listener) => {
    for (const signal of signals) process.on(signal, listener);
    return () => {
      for (const signal of signals) process.off(signal, listener);
    };
  },
});

// No top-level await: the image ships a CommonJS bundle (see test/support/bundle.ts).
ended.then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`pilot-agent: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  },
);
