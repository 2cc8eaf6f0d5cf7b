/** The agent's own few metrics, under Istio's names, in Prometheus' text form. */

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Of a histogram: upper bounds, ascending. */
  readonly buckets?: readonly number[];
}

const families = {
  scrapes: { name: 'istio_agent_scrapes_total', help: 'Scrapes answered.', type: 'counter' },
  scrapeFailures: {
    name: 'istio_agent_scrape_failures_total',
    help: 'Sources that failed in a scrape.',
    type: 'counter',
  },
  certificateExpiry: {
    name: 'istio_agent_cert_expiry_seconds',
    help: 'Seconds until the workload certificate expires.',
    type: 'gauge',
  },
  certificateRequests: {
    name: 'istio_agent_num_outgoing_requests',
    help: 'Certificate requests answered.',
    type: 'counter',
  },
  certificateFailures: {
    name: 'istio_agent_num_failed_outgoing_requests',
    help: 'Certificate requests that failed.',
    type: 'counter',
  },
  dnsRequests: { name: 'istio_agent_dns_requests_total', help: 'DNS queries received.', type: 'counter' },
  dnsUpstreamRequests: {
    name: 'istio_agent_dns_upstream_requests_total',
    help: 'DNS queries passed on to the pod’s own servers.',
    type: 'counter',
  },
  dnsUpstreamFailures: {
    name: 'istio_agent_dns_upstream_failures_total',
    help: 'Times that such a server gave no answer.',
    type: 'counter',
  },
  dnsUpstreamDuration: {
    name: 'istio_agent_dns_upstream_request_duration_seconds',
    help: 'Seconds until the answer of the pod’s own servers, or until none came.',
    type: 'histogram',
    buckets: [0.005, 0.01, 0.1, 1, 5],
  },
  dnsNames: { name: 'istio_agent_dns_names', help: 'Names that the mesh answers for.', type: 'gauge' },
  envoyStarts: { name: 'istio_agent_envoy_starts_total', help: 'Times that Envoy was started.', type: 'counter' },
  startup: {
    name: 'istio_agent_startup_duration_seconds',
    help: 'Seconds from the start of the agent until the proxy was ready.',
    type: 'gauge',
  },
  memory: { name: 'istio_agent_process_resident_memory_bytes', help: 'Resident memory of the agent.', type: 'gauge' },
  cpu: { name: 'istio_agent_process_cpu_seconds_total', help: 'CPU time of the agent.', type: 'counter' },
} as const satisfies Record<string, MetricFamily>;

export type MetricKey = keyof typeof families;

interface Histogram {
  /** Observations by bucket, one more for those beyond the last bound. */
  readonly counts: number[];
  sum: number;
}

export class AgentMetrics {
  /** Family, then rendered labels, then the value or how to get it. */
  readonly #values = new Map<MetricKey, Map<string, number | (() => number)>>();
  readonly #histograms = new Map<MetricKey, Histogram>();

  add(key: MetricKey, labels: Readonly<Record<string, string>> = {}, amount = 1): void {
    const series = this.#series(key);
    const text = renderLabels(labels);
    const before = series.get(text);
    series.set(text, (typeof before === 'number' ? before : 0) + amount);
  }

  set(key: MetricKey, value: number | (() => number), labels: Readonly<Record<string, string>> = {}): void {
    this.#series(key).set(renderLabels(labels), value);
  }

  /** One observation of a histogram. */
  observe(key: MetricKey, value: number): void {
    const buckets = bucketsOf(key);
    const histogram = this.#histograms.get(key) ?? { counts: new Array<number>(buckets.length + 1).fill(0), sum: 0 };
    this.#histograms.set(key, histogram);
    const at = buckets.findIndex((bound) => value <= bound);
    const bucket = at === -1 ? buckets.length : at;
    histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
    histogram.sum += value;
  }

  render(): string {
    const lines: string[] = [];
    for (const [key, series] of this.#values) {
      lines.push(...renderHead(key));
      for (const [labels, value] of series)
        lines.push(`${families[key].name}${labels} ${typeof value === 'function' ? value() : value}`);
    }
    for (const [key, histogram] of this.#histograms) lines.push(...renderHead(key), ...renderHistogram(key, histogram));
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }

  #series(key: MetricKey): Map<string, number | (() => number)> {
    const series = this.#values.get(key) ?? new Map<string, number | (() => number)>();
    this.#values.set(key, series);
    return series;
  }
}

function bucketsOf(key: MetricKey): readonly number[] {
  const family: MetricFamily = families[key];
  return family.buckets ?? [];
}

function renderHead(key: MetricKey): readonly string[] {
  const { name, help, type } = families[key];
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

/** Buckets are cumulative: each counts everything up to its bound. */
function renderHistogram(key: MetricKey, { counts, sum }: Histogram): readonly string[] {
  const { name } = families[key];
  let total = 0;
  const buckets = [...bucketsOf(key), '+Inf'].map((bound, at) => {
    total += counts[at] ?? 0;
    return `${name}_bucket{le="${bound}"} ${total}`;
  });
  return [...buckets, `${name}_sum ${sum}`, `${name}_count ${total}`];
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
