/** Durations as Istio's YAML writes them: Go's notation, e.g. `1h30m`, `1.5s`, `250ms`. */

const unitMilliseconds: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const term = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** Milliseconds (a fraction below one), or undefined when the text is no duration. Source: Go's time.ParseDuration. */
export function parseDuration(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[-+]/, '');
  if (digits === '0') return 0;
  if (digits === '' || digits.length > 64) return undefined;
  let total = 0;
  term.lastIndex = 0;
  while (term.lastIndex < digits.length) {
    const found = term.exec(digits);
    if (found === null) return undefined;
    total += Number(found[1]) * (unitMilliseconds[found[2] ?? ''] ?? Number.NaN);
  }
  return sign * total;
}
