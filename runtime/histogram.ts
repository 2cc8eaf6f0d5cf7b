import { Histogram, type HistogramConfiguration } from 'prom-client';
import { type Labels, SeriesIndex } from './series.ts';

/** One series of a histogram. */
export class HistogramSeries {
  readonly labels: Labels<string>;
  readonly #bounds: readonly number[];
  /** How many values each bucket holds that the one before does not; the last are those beyond all bounds. */
  readonly #counts: number[];
  #count = 0;
  #sum = 0;
  #shown = false;
  readonly #all: HistogramSeries[];

  /** `bounds` are upper ones, ascending. It enters `all` with its first observation: one only bound is not shown. */
  constructor(labels: Labels<string>, bounds: readonly number[], all: HistogramSeries[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = [...bounds.map(() => 0), 0];
    this.#all = all;
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  observe(value: number): void {
    if (!Number.isFinite(value)) throw new TypeError(`a histogram cannot take ${value}`);
    if (!this.#shown) this.show();
    this.#sum += value;
    this.#count += 1;
    // One bound after the other: most values are small, and belong to the first.
    const bounds = this.#bounds;
    let bucket = 0;
    while (value > (bounds[bucket] ?? Infinity)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  /** Has it rendered though nothing may have been observed. */
  show(): void {
    this.#shown = true;
    this.#all.push(this);
  }

  /** For each bound, ascending, how many values do not exceed it. */
  cumulate(): readonly { readonly bound: number; readonly count: number }[] {
    let count = 0;
    return this.#bounds.map((bound, bucket) => {
      count += this.#counts[bucket] ?? 0;
      return { bound, count };
    });
  }
}

/**
 * A histogram in a registry of prom-client, which validates its name and labels and writes it out. Its numbers are kept
 * here: prom-client's own cannot be set, only observed one by one, with labels that are validated and hashed each time.
 */
export class SeriesHistogram<L extends string> extends Histogram<L> {
  readonly #settings: HistogramConfiguration<L>;
  readonly #all: HistogramSeries[] = [];
  readonly series: SeriesIndex<L, HistogramSeries>;

  constructor(settings: HistogramConfiguration<L> & { readonly labelNames: L[]; readonly buckets: number[] }) {
    super(settings);
    this.#settings = settings;
    const { labelNames, buckets } = settings;
    this.series = new SeriesIndex(labelNames, (labels) => new HistogramSeries(labels, buckets, this.#all));
    if (labelNames.length === 0) this.series.find({} as Labels<L>).show();
  }

  /** What the registry, and `get`, ask for when metrics are read. */
  async getForPromString() {
    const { name, help } = this.#settings;
    const values = this.#all.flatMap((series) => {
      const { labels: sharedLabels, count, sum } = series;
      const value = (suffix: string, number: number, labels: { readonly le?: number | string } = {}) => ({
        ...{ metricName: `${name}_${suffix}`, labels, sharedLabels, value: number },
      });
      const buckets = series.cumulate().map(({ bound, count: below }) => value('bucket', below, { le: bound }));
      return [...buckets, value('bucket', count, { le: '+Inf' }), value('sum', sum), value('count', count)];
    });
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  }
}
