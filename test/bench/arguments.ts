import { parseArgs } from 'node:util';
import { LateenError } from '#runtime/core/index.ts';

export interface BenchArguments {
  readonly help: boolean;
  /** Names of benchmarks in the order asked for; empty means all. */
  readonly names: readonly string[];
  /** A cluster that runs already; left out: one of its own, removed at the end. */
  readonly cluster: string | undefined;
  readonly keep: boolean;
  readonly repetitions: number | undefined;
}

/** @throws LateenError `invalid` naming the word that is not understood, and what would be */
export function parseArguments(words: readonly string[], known: readonly string[]): BenchArguments {
  const { values, positionals } = read(words);
  const stranger = positionals.find((name) => !known.includes(name));
  if (stranger !== undefined) {
    throw new LateenError('invalid', `no benchmark is named "${stranger}"; there are: ${known.join(', ')}`);
  }
  return {
    help: values.help === true,
    names: [...new Set(positionals)],
    cluster: values.cluster,
    keep: values.keep === true,
    repetitions: values.repetitions === undefined ? undefined : parseCount(values.repetitions),
  };
}

function read(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        cluster: { type: 'string' },
        keep: { type: 'boolean' },
        repetitions: { type: 'string', short: 'n' },
      },
    });
  } catch (error) {
    // Its words name the option.
    throw new LateenError('invalid', `${error instanceof Error ? error.message : String(error)} (see --help)`);
  }
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) {
    throw new LateenError('invalid', `--repetitions ${text}: use a whole number from 1 up`);
  }
  return count;
}
