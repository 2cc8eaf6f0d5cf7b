/** The process's metrics in Prometheus form; a registry of our own, so that nothing registers itself behind our back. */
import { Counter, Gauge, Registry } from 'prom-client';
import { SeriesHistogram } from './histogram.ts';
import { collectProcessMetrics } from './process-metrics.ts';
import { CounterSeries, type Labels, SeriesIndex } from './series.ts';

export type { Labels } from './series.ts';

export interface CounterMetric<L extends string> {
  /** Adds `by` (default 1) to the series with these labels. Throws when `by` is negative or no finite number. */
  increment(labels: Labels<L>, by?: number): void;
  /** The series with these labels, for whoever counts often. It is shown from its first increment on. */
  bind(labels: Labels<L>): { increment(by?: number): void };
}

export interface GaugeMetric<L extends string> {
  set(labels: Labels<L>, value: number): void;
  add(labels: Labels<L>, by: number): void;
  /** Forgets a series, for labels that name something that is gone. */
  remove(labels: Labels<L>): void;
}

export interface HistogramMetric<L extends string> {
  /** Throws when the value is no finite number. */
  observe(labels: Labels<L>, value: number): void;
  /** The series with these labels, for whoever observes often. It is shown from its first observation on. */
  bind(labels: Labels<L>): { observe(value: number): void };
}

export interface MetricOptions<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly L[];
}

export interface Metrics {
  counter<L extends string = never>(options: MetricOptions<L>): CounterMetric<L>;
  gauge<L extends string = never>(options: MetricOptions<L>): GaugeMetric<L>;
  /** A gauge whose value is asked for when the metrics are read, for what is cheap to know and changes often. */
  measure(options: { readonly name: string; readonly help: string; readonly read: () => number }): void;
  /** A counter that somebody else keeps, by labels; asked for when the metrics are read. */
  tally<L extends string>(
    options: MetricOptions<L> & {
      readonly read: () => Iterable<{ readonly labels: Labels<L>; readonly value: number }>;
    },
  ): void;
  /** `buckets` are upper bounds, ascending. */
  histogram<L extends string = never>(
    options: MetricOptions<L> & { readonly buckets: readonly number[] },
  ): HistogramMetric<L>;
  /** The exposition text of everything, and its content type. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Names are unique per registry: declaring one twice throws. `process` adds Node's own metrics (memory, event loop, GC). */
export function createMetrics(options: { readonly process?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.process === true) collectProcessMetrics(registry);
  const settings = <L extends string>(metric: MetricOptions<L>) => ({
    name: metric.name,
    help: metric.help,
    labelNames: [...(metric.labels ?? [])],
    registers: [registry],
  });
  const tally: Metrics['tally'] = ({ read, ...metric }) => {
    const counter: Counter = new Counter({
      ...settings(metric),
      collect: () => {
        counter.reset();
        for (const { labels, value } of read()) counter.inc(labels, value);
      },
    });
  };
  return {
    tally,
    counter: (metric) => {
      const all: CounterSeries[] = [];
      const index = new SeriesIndex(metric.labels ?? [], (labels) => new CounterSeries(labels, all));
      tally<string>({ ...metric, read: () => all });
      return {
        increment: (labels, by) => index.find(labels).increment(by),
        bind: (labels) => index.find(labels),
      };
    },
    gauge: (metric) => {
      const index = new SeriesIndex(metric.labels ?? [], (labels) => ({ labels, value: 0 }));
      const gauge: Gauge = new Gauge({
        ...settings(metric),
        collect: () => {
          gauge.reset();
          for (const { labels, value } of index.values()) gauge.set(labels, value);
        },
      });
      return {
        set: (labels, value) => {
          index.find(labels).value = value;
        },
        add: (labels, by) => {
          index.find(labels).value += by;
        },
        remove: (labels) => index.remove(labels),
      };
    },
    measure: ({ name, help, read }) => {
      const gauge: Gauge = new Gauge({ name, help, registers: [registry], collect: () => gauge.set(read()) });
    },
    histogram: (metric) => {
      const { series } = new SeriesHistogram({ ...settings(metric), buckets: [...metric.buckets] });
      return {
        observe: (labels, value) => series.find(labels).observe(value),
        bind: (labels) => series.find(labels),
      };
    },
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
