import type { Built } from './built.ts';
import type { Part } from './snapshots.ts';

/** Tells about resources that a bug kept from being built, each message once as long as it lasts. */
export class FaultReports {
  readonly #onFault: (what: string, error: unknown) => void;
  #reported: ReadonlySet<string> = new Set();
  /** There may be something else to tell than was told. */
  #due = true;

  constructor(onFault: (what: string, error: unknown) => void) {
    this.#onFault = onFault;
  }

  /** What a proxy is served came of `before` and comes of `after`; undefined: nothing. */
  note(before: Built | undefined, after: Built | undefined): void {
    if (before?.view.summary !== after?.view.summary || before?.own.summary !== after?.own.summary) this.#due = true;
  }

  /** `served`: what each proxy is served; looked at only where something of it is another. */
  report(served: Iterable<{ readonly built: Built | undefined }>): void {
    if (!this.#due) return;
    this.#due = false;
    const faulty = new Set<Part>();
    for (const { built } of served) if (built !== undefined) noteFaults(built, faulty);
    if (faulty.size + this.#reported.size === 0) return;
    const current = new Set<string>();
    for (const { summary } of faulty) {
      for (const { name, fault } of summary.faults) {
        const message = `${name}: ${fault.message}`;
        if (!this.#reported.has(message) && !current.has(message)) this.#onFault(name, fault);
        current.add(message);
      }
    }
    this.#reported = current;
  }
}

function noteFaults({ view, own }: Built, faulty: Set<Part>): void {
  if (view.summary.faults.length > 0) faulty.add(view);
  if (own.summary.faults.length > 0) faulty.add(own);
}
