/** Whether our definition of a kind takes everything that Istio's takes. */
import type { FieldFact, FieldFacts } from './fields.ts';

export interface Difference {
  readonly path: string;
  readonly what: string;
}

export interface Comparison {
  /** Istio accepts something that we refuse or prune. */
  readonly stricter: readonly Difference[];
  /** We accept something that Istio refuses. */
  readonly laxer: readonly Difference[];
  readonly compared: number;
}

export function compareFields(istio: FieldFacts, ours: FieldFacts): Comparison {
  const stricter: Difference[] = [];
  const laxer: Difference[] = [];
  const theirs = new Map(Object.entries(istio));
  const own = new Map(Object.entries(ours));
  for (const [path, fact] of theirs) {
    const mine = own.get(path);
    if (mine === undefined) {
      stricter.push({ path, what: 'is missing' });
      continue;
    }
    stricter.push(...findStricter(fact, mine).map((what) => ({ path, what })));
    laxer.push(...findStricter(mine, fact).map((what) => ({ path, what })));
  }
  for (const path of own.keys()) if (!theirs.has(path)) laxer.push({ path, what: 'is not in Istio' });
  return { stricter, laxer, compared: theirs.size };
}

const lowerBounds = ['minimum', 'minLength', 'minItems', 'minProperties'] as const;
const upperBounds = ['maximum', 'maxLength', 'maxItems', 'maxProperties'] as const;

/** What `mine` refuses although `base` allows it. */
function findStricter(base: FieldFact, mine: FieldFact): string[] {
  const found: string[] = [];
  if (base.type !== mine.type) found.push(`type ${mine.type} instead of ${base.type}`);
  if (mine.format !== undefined && mine.format !== base.format) found.push(`format ${mine.format}`);
  if (mine.pattern !== undefined && mine.pattern !== base.pattern) found.push(`pattern ${mine.pattern}`);
  for (const bound of lowerBounds) {
    const value = mine[bound];
    // A minimum length of nothing is no bound.
    if (value !== undefined && value > (base[bound] ?? (bound === 'minimum' ? Number.NEGATIVE_INFINITY : 0))) {
      found.push(`${bound} ${value}`);
    }
  }
  for (const bound of upperBounds) {
    const value = mine[bound];
    if (value !== undefined && value < (base[bound] ?? Number.POSITIVE_INFINITY)) found.push(`${bound} ${value}`);
  }
  if (mine.enum !== undefined) {
    const missing = base.enum?.filter((value) => !mine.enum?.includes(value)) ?? ['any text'];
    if (missing.length > 0) found.push(`enum lacks ${missing.join(', ')}`);
  }
  found.push(...added('required', base.required, mine.required));
  found.push(...added('list map key', base.mapKeys, mine.mapKeys));
  found.push(...added('exclusive', base.exclusive, mine.exclusive));
  found.push(...added('rule', base.rules, mine.rules));
  if (base.nullable && !mine.nullable) found.push('is not nullable');
  if (base.preserve && !mine.preserve) found.push('does not keep unknown fields');
  if (base.intOrString && !mine.intOrString) found.push('is not int-or-string');
  return found;
}

function added(what: string, base: readonly string[] = [], mine: readonly string[] = []): string[] {
  return mine.filter((entry) => !base.includes(entry)).map((entry) => `${what} ${entry}`);
}
