/** The agent's own few metrics, under Istio's names, in Prometheus' text form. */

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
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

export class AgentMetrics {
  /** Family, then rendered labels, then the value or how to get it. */
  readonly #values = new Map<MetricKey, Map<string, number | (() => number)>>();

  add(key: MetricKey, labels: Readonly<Record<string, string>> = {}, amount = 1): void {
    const series = this.#series(key);
    const text = renderLabels(labels);
    const before = series.get(text);
    series.set(text, (typeof before === 'number' ? before : 0) + amount);
  }

  set(key: MetricKey, value: number | (() => number), labels: Readonly<Record<string, string>> = {}): void {
    this.#series(key).set(renderLabels(labels), value);
  }

  render(): string {
    const lines: string[] = [];
    for (const [key, series] of this.#values) {
      const { name, help, type } = families[key];
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      for (const [labels, value] of series)
        lines.push(`${name}${labels} ${typeof value === 'function' ? value() : value}`);
    }
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }

  #series(key: MetricKey): Map<string, number | (() => number)> {
    const series = this.#values.get(key) ?? new Map<string, number | (() => number)>();
    this.#values.set(key, series);
    return series;
  }
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
