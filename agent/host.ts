/** What a command gets from the process it runs in. */
import type { Clock } from '#runtime/core/index.ts';

export interface AgentHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Standard output and standard error, as they are: no line break is added. */
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly clock: Clock;
  /** 0 up to 1. */
  readonly random: () => number;
  /** Calls back on SIGTERM and SIGINT; the result stops that. */
  readonly onSignal: (listener: (signal: string) => void) => () => void;
}

/** One command of `pilot-agent`. */
export interface Command {
  /** e.g. `proxy sidecar|router [flags]`. */
  readonly usage: string;
  readonly summary: string;
  /** More lines for `--help`: flags and what is read from the environment. */
  readonly help: string;
  /** Resolves with the exit code. Throws LateenError `invalid` when the command line is wrong. */
  run(args: readonly string[], host: AgentHost): Promise<number>;
}
