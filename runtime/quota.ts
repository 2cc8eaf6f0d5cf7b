/** How many of something each key holds at once, and no more than so many. */
export class Quota {
  /** For each key. */
  readonly most: number;
  readonly #held = new Map<string, number>();

  constructor(most: number) {
    this.most = most;
  }

  /** One more for the key, until the result is called (once counts); undefined when it holds as many as it may. */
  take(key: string): (() => void) | undefined {
    const held = this.#held.get(key) ?? 0;
    if (held >= this.most) return undefined;
    this.#held.set(key, held + 1);
    let returned = false;
    return () => {
      if (returned) return;
      returned = true;
      const now = (this.#held.get(key) ?? 0) - 1;
      if (now > 0) this.#held.set(key, now);
      else this.#held.delete(key);
    };
  }

  /** Keys that hold any. */
  get size(): number {
    return this.#held.size;
  }
}
