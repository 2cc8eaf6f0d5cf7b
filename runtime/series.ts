/**
 * The numbers behind metrics. What is counted for each proxy and change is added to a field of a series that its caller
 * has bound: no labels are looked up, validated or copied, and nothing is made that must be collected.
 */

/** Values for the declared labels; all of them are given at every call. */
export type Labels<L extends string> = Readonly<Record<L, string>>;

/** One series of a counter. */
export class CounterSeries {
  readonly labels: Labels<string>;
  #value = 0;
  #counted = false;
  readonly #all: CounterSeries[];

  /** It enters `all` with its first increment: one that was only bound is not shown. */
  constructor(labels: Labels<string>, all: CounterSeries[]) {
    this.labels = labels;
    this.#all = all;
  }

  get value(): number {
    return this.#value;
  }

  increment(by = 1): void {
    if (!(by >= 0 && by < Infinity)) throw new RangeError(`a counter cannot be increased by ${by}`);
    if (!this.#counted) {
      this.#counted = true;
      this.#all.push(this);
    }
    this.#value += by;
  }
}

/** The series of one metric by the values of their labels, in the order in which they were asked for first. */
export class SeriesIndex<L extends string, S> {
  readonly #names: readonly L[];
  /** The one label of a metric that has just one: its value is the key. */
  readonly #only: L | undefined;
  readonly #create: (labels: Labels<L>) => S;
  readonly #series = new Map<string, S>();

  constructor(names: readonly L[], create: (labels: Labels<L>) => S) {
    this.#names = names;
    this.#only = names.length === 1 ? names[0] : undefined;
    this.#create = create;
  }

  /** Makes it when there is none. Throws when one of the labels was not declared. */
  find(labels: Labels<L>): S {
    for (const name in labels)
      if (!this.#names.includes(name)) throw new TypeError(`label ${name} is none of [${this.#names.join(', ')}]`);
    const key = this.#resolveKey(labels);
    const found = this.#series.get(key);
    if (found !== undefined) return found;
    const series = this.#create({ ...labels });
    this.#series.set(key, series);
    return series;
  }

  remove(labels: Labels<L>): void {
    this.#series.delete(this.#resolveKey(labels));
  }

  values(): Iterable<S> {
    return this.#series.values();
  }

  #resolveKey(labels: Labels<L>): string {
    return this.#only === undefined ? JSON.stringify(this.#names.map((name) => labels[name])) : labels[this.#only];
  }
}
