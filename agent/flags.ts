/** Command lines in the form that Istio's templates write them: `--name value`, `--name=value`, `-x value`. */
import { parseArgs } from 'node:util';
import { LateenError } from '#runtime/core/index.ts';

export interface FlagSpec {
  readonly short?: string;
  /** A switch takes no value, or `=true` / `=false`. */
  readonly kind: 'text' | 'switch';
  readonly help: string;
  /** Shown in the help text. */
  readonly default?: string;
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

export interface ParsedFlags {
  /** By long name; a switch is `true` or `false`. */
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly positionals: readonly string[];
}

/** Throws LateenError `invalid` naming the flag that is unknown or lacks its value. */
export function parseFlags(args: readonly string[], specs: FlagSpecs): ParsedFlags {
  // `--switch=false` is a value where parseArgs allows none.
  const switches = new Map<string, string>();
  const rest = args.filter((arg) => {
    const match = /^--([^=]+)=(true|false)$/.exec(arg);
    const name = match?.[1];
    if (name === undefined || specs[name]?.kind !== 'switch') return true;
    switches.set(name, match?.[2] ?? 'true');
    return false;
  });
  try {
    const parsed = parseArgs({
      args: rest,
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(specs).map(([name, spec]) => [
          name,
          {
            type: spec.kind === 'text' ? ('string' as const) : ('boolean' as const),
            ...(spec.short ? { short: spec.short } : {}),
          },
        ]),
      ),
    });
    const values = Object.fromEntries(Object.entries(parsed.values).map(([name, value]) => [name, String(value)]));
    return { values: { ...values, ...Object.fromEntries(switches) }, positionals: parsed.positionals };
  } catch (error) {
    throw new LateenError('invalid', LateenError.from(error).message, { cause: error });
  }
}

export function renderFlags(specs: FlagSpecs): string {
  const rows = Object.entries(specs).map(([name, spec]) => {
    const names = `${spec.short ? `-${spec.short}, ` : '    '}--${name}${spec.kind === 'text' ? ' VALUE' : ''}`;
    return [names, `${spec.help}${spec.default === undefined ? '' : ` (default ${spec.default})`}`] as const;
  });
  const width = Math.max(...rows.map(([names]) => names.length));
  return rows.map(([names, help]) => `  ${names.padEnd(width)}  ${help}`).join('\n');
}
