/** The process's metrics in Prometheus form; a registry of our own, so that nothing registers itself behind our back. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { collectProcessMetrics } from './process-metrics.ts';

/** Values for the declared labels; all of them are given at every call. */
export type Labels<L extends string> = Readonly<Record<L, string>>;

export interface CounterMetric<L extends string> {
  /** Adds `by` (default 1) to the series with these labels. */
  increment(labels: Labels<L>, by?: number): void;
}

export interface GaugeMetric<L extends string> {
  set(labels: Labels<L>, value: number): void;
  add(labels: Labels<L>, by: number): void;
  /** Forgets a series, for labels that name something that is gone. */
  remove(labels: Labels<L>): void;
}

export interface HistogramMetric<L extends string> {
  observe(labels: Labels<L>, value: number): void;
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
  return {
    counter: (metric) => {
      const counter = new Counter(settings(metric));
      return { increment: (labels, by = 1) => counter.inc(labels, by) };
    },
    gauge: (metric) => {
      const gauge = new Gauge(settings(metric));
      return {
        set: (labels, value) => gauge.set(labels, value),
        add: (labels, by) => gauge.inc(labels, by),
        remove: (labels) => gauge.remove(labels),
      };
    },
    measure: ({ name, help, read }) => {
      const gauge: Gauge = new Gauge({ name, help, registers: [registry], collect: () => gauge.set(read()) });
    },
    tally: ({ read, ...metric }) => {
      const counter: Counter = new Counter({
        ...settings(metric),
        collect: () => {
          counter.reset();
          for (const { labels, value } of read()) counter.inc(labels, value);
        },
      });
    },
    histogram: (metric) => {
      const histogram = new Histogram({ ...settings(metric), buckets: [...metric.buckets] });
      return { observe: (labels, value) => histogram.observe(labels, value) };
    },
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
