/** Turns that wait, fairly: whoever asks for many waits for their own, and not others for them. */
export class TurnQueue {
  /** Those first whose holder has waited longest since its last turn. None is empty. */
  readonly #byHolder = new Map<string, Set<() => void>>();

  get isEmpty(): boolean {
    return this.#byHolder.size === 0;
  }

  /** Returns how to withdraw it. Each turn is a function of its own. */
  add(holder: string, run: () => void): () => void {
    const turns = this.#byHolder.get(holder);
    if (turns === undefined) this.#byHolder.set(holder, new Set([run]));
    else turns.add(run);
    return () => this.#remove(holder, run);
  }

  take(): (() => void) | undefined {
    for (const [holder, turns] of this.#byHolder) {
      for (const run of turns) {
        turns.delete(run);
        if (turns.size === 0) this.#byHolder.delete(holder);
        else if (this.#byHolder.size > 1) this.#putLast(holder, turns);
        return run;
      }
    }
    return undefined;
  }

  #putLast(holder: string, turns: Set<() => void>): void {
    this.#byHolder.delete(holder);
    this.#byHolder.set(holder, turns);
  }

  #remove(holder: string, run: () => void): void {
    const turns = this.#byHolder.get(holder);
    if (turns?.delete(run) === true && turns.size === 0) this.#byHolder.delete(holder);
  }
}
