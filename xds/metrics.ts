/** What the xDS server measures, under Istio's names. */
import type { Metrics } from '#runtime/index.ts';
import type { ClosingReason } from './door.ts';
import { RESOURCE_TYPES, type ResourceType } from './types.ts';

export interface XdsMetrics {
  connected(version: string): void;
  disconnected(version: string, nodeId: string): void;
  /** `seconds`: what it took to put the response together and to hand it to the socket. */
  pushed(type: ResourceType, bytes: number, seconds: number): void;
  refused(type: ResourceType, nodeId: string): void;
  staleNonce(type: ResourceType): void;
  /** Seconds from the moment a session learned of a new snapshot until its proxy had acknowledged all of it. */
  converged(seconds: number): void;
  /** A stream was closed because its peer did not read. */
  writeTimeout(): void;
  /**
   * A stream was refused because its identity or its proxy has as many as it may, or ended because it, or all streams
   * together, have us remember more than they may.
   */
  exhausted(holder: 'identity' | 'proxy' | 'stream' | 'all'): void;
  /** A stream ended by a fault of ours. */
  internalError(): void;
  /** How many bytes were handed to sockets and not drained, to be asked when metrics are read. */
  undrained(read: () => number): void;
}

const PUSH_SECONDS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.1, 0.5, 1, 3, 5, 10, 20, 30];
const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 5, 10, 20, 30];
const BYTES = [1_000, 10_000, 100_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000];

/** Declares the metrics; once per registry. */
export function declareXdsMetrics(metrics: Metrics): XdsMetrics {
  const byType = ['type'] as const;
  const byNode = ['node'] as const;
  const clients = metrics.gauge({
    name: 'pilot_xds',
    help: 'Proxies connected to this control plane.',
    labels: ['version'],
  });
  const pushes = metrics.counter({ name: 'pilot_xds_pushes', help: 'Responses sent.', labels: byType });
  const size = metrics.histogram({
    name: 'pilot_xds_config_size_bytes',
    help: 'Sizes of responses.',
    labels: byType,
    buckets: BYTES,
  });
  const rejects = metrics.counter({
    name: 'pilot_total_xds_rejects',
    help: 'Responses that a proxy refused.',
    labels: byType,
  });
  const stale = metrics.counter({
    name: 'pilot_xds_expired_nonce',
    help: 'Answers to responses that no longer count.',
    labels: byType,
  });
  const convergence = metrics.histogram({
    name: 'pilot_proxy_convergence_time',
    help: 'Seconds from a new snapshot until a proxy acknowledged all of it.',
    buckets: SECONDS,
  });
  const pushTime = metrics.histogram({
    name: 'pilot_xds_push_time',
    help: 'Seconds to put a response together and to hand it to the socket.',
    labels: byType,
    buckets: PUSH_SECONDS,
  });
  const internalErrors = metrics.counter({
    name: 'pilot_total_xds_internal_errors',
    help: 'Streams ended by a fault of the control plane.',
  });
  const timeouts = metrics.counter({
    name: 'pilot_xds_write_timeout',
    help: 'Streams closed because their peer did not read.',
  });
  const exhausted = metrics.counter({
    name: 'lateen_xds_streams_exhausted',
    help: 'Streams refused or ended because one identity, one proxy, one stream or all together have as much as they may.',
    labels: ['holder'],
  });
  const perType = new Map(
    RESOURCE_TYPES.map(({ label }) => {
      const name = `pilot_xds_${label}_reject`;
      const help = `Refusals of ${label} by proxies that are connected.`;
      const type = { type: label };
      const series = {
        refusals: metrics.gauge({ name, help, labels: byNode }),
        pushes: pushes.bind(type),
        pushTime: pushTime.bind(type),
        size: size.bind(type),
      };
      return [label, series];
    }),
  );
  const converged = convergence.bind({});
  return {
    connected: (version) => clients.add({ version }, 1),
    disconnected: (version, node) => {
      clients.add({ version }, -1);
      for (const { refusals } of perType.values()) refusals.remove({ node });
    },
    pushed: ({ label }, bytes, seconds) => {
      const series = perType.get(label);
      series?.pushes.increment();
      series?.pushTime.observe(seconds);
      series?.size.observe(bytes);
    },
    refused: ({ label }, node) => {
      rejects.increment({ type: label });
      perType.get(label)?.refusals.add({ node }, 1);
    },
    staleNonce: ({ label }) => stale.increment({ type: label }),
    converged: (seconds) => converged.observe(seconds),
    writeTimeout: () => timeouts.increment({}),
    exhausted: (holder) => exhausted.increment({ holder }),
    internalError: () => internalErrors.increment({}),
    undrained: (read) =>
      metrics.measure({
        name: 'lateen_xds_undrained_bytes',
        help: 'Bytes of responses handed to sockets that their peers have not read.',
        read,
      }),
  };
}

/** Declares what is counted of connections that are closed before they are of use, whatever their port; once per registry. */
export function declareConnectionMetrics(metrics: Metrics): (reason: ClosingReason) => void {
  const turnedAway = metrics.counter({
    name: 'lateen_xds_connections_turned_away',
    help: 'Connections closed because no call was served on them in time, or too many such connections were there.',
    labels: ['reason'],
  });
  return (reason) => turnedAway.increment({ reason });
}
