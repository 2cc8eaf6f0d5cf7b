/**
 * How much clients make this process remember for each of them alone: names that they ask for or claim to hold, and what
 * they say of refusals. What they are served is shared and not counted.
 */
import { LateenError } from '#runtime/core/index.ts';
import type { XdsMetrics } from './metrics.ts';

export interface BudgetLimits {
  /** Most bytes that are remembered for one stream. */
  readonly maxNameBytesPerStream: number;
  /** Most bytes that are remembered for all streams together. */
  readonly maxNameBytes: number;
}

export interface Debtor {
  /** Whom its streams count for. */
  readonly holder: string;
  /** Id of its node. */
  readonly nodeId: string;
  /** What is remembered for it at present. */
  bytes(): number;
  /** Ends it. */
  end(error: LateenError): void;
}

export class Budget {
  readonly #limits: BudgetLimits;
  readonly #metrics: Pick<XdsMetrics, 'exhausted'>;
  /** With what was last known of each, which is never less than what it has unless it said more since. */
  readonly #debts = new Map<Debtor, number>();
  #total = 0;

  constructor(limits: BudgetLimits, metrics: Pick<XdsMetrics, 'exhausted'>) {
    this.#limits = limits;
    this.#metrics = metrics;
  }

  /**
   * The client has said something that may have to be remembered. Throws LateenError `exhausted` when that is more than one
   * stream may have, or when all have more than they may and this one is to go; others that are to go are ended.
   */
  owe(debtor: Debtor): void {
    const { maxNameBytesPerStream: most } = this.#limits;
    if (this.#note(debtor) > most) {
      this.#metrics.exhausted('stream');
      throw new LateenError(
        'exhausted',
        `the names that this stream asks for and brought along take more than the ${most} bytes that one stream may have`,
      );
    }
    if (this.#total > this.#limits.maxNameBytes) this.#relieve(debtor);
  }

  /** The stream has ended. */
  forget(debtor: Debtor): void {
    this.#total -= this.#debts.get(debtor) ?? 0;
    this.#debts.delete(debtor);
  }

  #note(debtor: Debtor): number {
    const bytes = debtor.bytes();
    this.#total += bytes - (this.#debts.get(debtor) ?? 0);
    this.#debts.set(debtor, bytes);
    return bytes;
  }

  /** Ends the largest stream of the largest proxy of the largest holder until the rest has room. */
  #relieve(speaking: Debtor): void {
    for (const debtor of this.#debts.keys()) this.#note(debtor);
    while (this.#total > this.#limits.maxNameBytes) {
      const ofHolder = largest([...this.#debts], ({ holder }) => holder);
      const [debt] = largest(
        largest(ofHolder, ({ nodeId }) => nodeId),
        (debtor) => debtor,
      );
      if (debt === undefined) return;
      const [debtor] = debt;
      this.forget(debtor);
      this.#metrics.exhausted('all');
      const error = new LateenError(
        'exhausted',
        `the names that all streams ask for and brought along take more than ${this.#limits.maxNameBytes} bytes, and ${debtor.holder} has most of them`,
      );
      if (debtor === speaking) throw error;
      debtor.end(error);
    }
  }
}

type Debt = readonly [debtor: Debtor, bytes: number];

/** Of the groups that have a key in common, the one that has most. */
function largest(debts: readonly Debt[], keyOf: (debtor: Debtor) => unknown): readonly Debt[] {
  const groups = new Map<unknown, { bytes: number; readonly debts: Debt[] }>();
  for (const debt of debts) {
    const key = keyOf(debt[0]);
    const group = groups.get(key) ?? { bytes: 0, debts: [] };
    groups.set(key, group);
    group.bytes += debt[1];
    group.debts.push(debt);
  }
  let most: { readonly bytes: number; readonly debts: readonly Debt[] } = { bytes: 0, debts: [] };
  for (const group of groups.values()) if (group.bytes > most.bytes) most = group;
  return most.debts;
}
