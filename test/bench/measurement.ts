import type { ClusterLayout } from '#hack/cluster/index.ts';
import type { KubeClient } from '#kube/index.ts';
import type { ScaleOptions } from './scale/options.ts';

/** What a benchmark yields: samples of one figure, and the bound it is meant to hold (never asserted, only shown). */
export interface Measurement {
  readonly figure: string;
  readonly unit: 'ms' | 's' | 'MB' | 'kB' | 'count';
  readonly samples: readonly number[];
  /** The figure to hold, in the same unit; left out where none is set. */
  readonly atMost?: number;
  /** The same figure of another program in the same run, for comparison. */
  readonly peer?: { readonly name: string; readonly samples: readonly number[] };
  /** What is to be read beside the figures. */
  readonly remark?: string;
}

export interface Benchmark {
  readonly name: string;
  readonly describes: string;
  run(signal: AbortSignal, setting: Setting): Promise<readonly Measurement[]>;
}

/** What a run gives its benchmarks. */
export interface Setting {
  /** How often to repeat, where the benchmark's own number is not wanted. */
  readonly repetitions: number | undefined;
  readonly scale: ScaleOptions;
  /** Tells how far a long benchmark is. */
  report(message: string): void;
  /** A running cluster with the demo mesh READY in it; started for the first benchmark that asks. */
  mesh(): Promise<Mesh>;
  /** The same, with Bookinfo in it. */
  sample(): Promise<Mesh>;
}

export interface Mesh {
  readonly layout: ClusterLayout;
  /** As the cluster's administrator, over connections that stay open. */
  readonly client: KubeClient;
}

export interface Summary {
  readonly minimum: number;
  readonly median: number;
  readonly maximum: number;
}

/** @param samples at least one */
export function summarize(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { minimum: at(0), median: at(0.5), maximum: at(1) };
}

const print = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

interface BenchmarkResult {
  readonly benchmark: string;
  readonly measurements: readonly Measurement[];
}

/**
 * A plain table, one row per figure: minimum, median, maximum, the bound, and how the median stands to it; then the
 * median of the other program, where there is one, and ours as a part of it; last what is to be read beside them.
 */
export function renderTable(results: readonly BenchmarkResult[]): string {
  const peers = results.flatMap(({ measurements }) => measurements.flatMap(({ peer }) => peer?.name ?? []));
  const peerName = peers[0];
  const head = ['benchmark', 'figure', 'unit', 'n', 'min', 'median', 'max', 'at most', 'of bound'];
  const rows = [peerName === undefined ? head : [...head, peerName, 'ratio']];
  const remarks = results.flatMap(({ measurements }) => measurements.map(({ remark }) => remark ?? ''));
  for (const { benchmark, measurements } of results)
    for (const measurement of measurements) rows.push([benchmark, ...renderRow(measurement)]);
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column < 3 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const [first = [], ...body] = rows;
  const rule = line(widths.map((width) => '-'.repeat(width)));
  const lines = body.map((row, at) => `${line(row).padEnd(rule.length)}  ${remarks[at]}`.trimEnd());
  return [line(first), rule, ...lines].join('\n');
}

function renderRow({ figure, unit, samples, atMost, peer }: Measurement): readonly string[] {
  const { minimum, median, maximum } = summarize(samples);
  const bound = atMost === undefined ? ['', ''] : [print(atMost), atMost === 0 ? '' : percent(median / atMost)];
  const row = [figure, unit, String(samples.length), print(minimum), print(median), print(maximum), ...bound];
  if (peer === undefined) return row;
  const other = summarize(peer.samples).median;
  return [...row, print(other), other === 0 ? '' : (median / other).toFixed(3)];
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;
