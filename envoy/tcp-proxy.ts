import type { FilterChain } from '#model/types/index.ts';
import type { Message } from '#wire/index.ts';
import { buildFileAccessLog } from './access-log.ts';
import { buildTcpMetrics } from './metrics.ts';
import { renderClusterName, renderStatPrefix } from './names.ts';
import type { ListenerSettings, Reporter } from './settings.ts';
import { buildDuration } from './values.ts';

type TcpProxy = Message<'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'>;

export type TcpHandler = Extract<FilterChain['handler'], { kind: 'tcp' }>;

/** Bytes to one cluster, or to several by weight. */
export function buildTcpProxy(handler: TcpHandler, reporter: Reporter, settings: ListenerSettings): TcpProxy {
  return {
    statPrefix: renderStatPrefix(handler.statPrefix),
    ...buildClusters(handler.clusters),
    ...(handler.idleTimeoutMs === undefined ? {} : { idleTimeout: buildDuration(handler.idleTimeoutMs) }),
    accessLog: [
      ...(settings.accessLog ? [{ ...buildFileAccessLog(settings.accessLog), ...endOnly(settings.metrics) }] : []),
      ...(settings.metrics ? buildTcpMetrics(reporter) : []),
    ],
    ...(settings.metrics ? { accessLogOptions: { flushAccessLogOnConnected: true } } : {}),
  };
}

/** With metrics the loggers are called when a connection opens too; the file wants its end only. */
function endOnly(metrics: boolean): Pick<Message<'envoy.config.accesslog.v3.AccessLog'>, 'filter'> {
  return metrics ? { filter: { logTypeFilter: { types: ['TcpConnectionEnd'] } } } : {};
}

function buildClusters(clusters: TcpHandler['clusters']): Pick<TcpProxy, 'cluster' | 'weightedClusters'> {
  const [only] = clusters;
  if (clusters.length === 1 && only) return { cluster: renderClusterName(only.cluster) };
  return {
    weightedClusters: {
      clusters: clusters.map(({ cluster, weight }) => ({ name: renderClusterName(cluster), weight })),
    },
  };
}
