import { parseArgs } from 'node:util';
import { LateenError } from '#runtime/core/index.ts';
import { defaultScale, type ScaleOptions } from './scale/options.ts';

export interface BenchArguments {
  readonly help: boolean;
  /** Names of benchmarks in the order asked for; empty means all. */
  readonly names: readonly string[];
  /** A cluster that runs already; left out: one of its own, removed at the end. */
  readonly cluster: string | undefined;
  readonly keep: boolean;
  readonly repetitions: number | undefined;
  readonly scale: ScaleOptions;
}

/** @throws LateenError `invalid` naming the word that is not understood, and what would be */
export function parseArguments(words: readonly string[], known: readonly string[]): BenchArguments {
  const { values, positionals } = read(words);
  const stranger = positionals.find((name) => !known.includes(name));
  if (stranger !== undefined) {
    throw new LateenError('invalid', `no benchmark is named "${stranger}"; there are: ${known.join(', ')}`);
  }
  const { cluster, repetitions, proxies, services, namespaces, istiod } = values;
  return {
    help: values.help === true,
    names: [...new Set(positionals)],
    cluster,
    keep: values.keep === true,
    repetitions: repetitions === undefined ? undefined : parseCount('repetitions', repetitions),
    scale: {
      proxies:
        proxies === undefined ? defaultScale.proxies : proxies.split(',').map((word) => parseCount('proxies', word)),
      services: services === undefined ? defaultScale.services : parseCount('services', services),
      namespaces: namespaces === undefined ? defaultScale.namespaces : parseCount('namespaces', namespaces),
      tls: values.tls === true,
      quick: values.quick === true,
      istiod,
    },
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
        proxies: { type: 'string' },
        services: { type: 'string' },
        namespaces: { type: 'string' },
        tls: { type: 'boolean' },
        quick: { type: 'boolean' },
        istiod: { type: 'string' },
      },
    });
  } catch (error) {
    // Its words name the option.
    throw new LateenError('invalid', `${error instanceof Error ? error.message : String(error)} (see --help)`);
  }
}

function parseCount(option: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) {
    throw new LateenError('invalid', `--${option} ${text}: use a whole number from 1 up`);
  }
  return count;
}
