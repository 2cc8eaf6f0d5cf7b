import { type Message, pack } from '#wire/index.ts';
import { filters } from './names.ts';
import type { Reporter } from './settings.ts';

type AccessLog = Message<'envoy.config.accesslog.v3.AccessLog'>;
type StatsConfig = Message<'envoy.extensions.access_loggers.stats.v3.Config'>;
type Stat = Message<'envoy.extensions.access_loggers.stats.v3.Config.Stat'>;
type LogType = NonNullable<NonNullable<Message<'envoy.config.accesslog.v3.LogTypeFilter'>['types']>[number]>;

type Tags = Readonly<Record<string, string>>;

/** Who the proxy itself is, read from its own node, so that the configuration holds no name of one workload. */
function describeSelf(side: Reporter): Tags {
  return {
    [`${side}_workload`]: '%CEL(xds.node.metadata.WORKLOAD_NAME)%',
    [`${side}_workload_namespace`]: '%CEL(xds.node.metadata.NAMESPACE)%',
    [`${side}_canonical_service`]: "%CEL(xds.node.metadata.LABELS['service.istio.io/canonical-name'])%",
    [`${side}_canonical_revision`]: "%CEL(xds.node.metadata.LABELS['service.istio.io/canonical-revision'])%",
    [`${side}_app`]: '%CEL(xds.node.metadata.LABELS.app)%',
    [`${side}_version`]: '%CEL(xds.node.metadata.LABELS.version)%',
    [`${side}_cluster`]: '%CEL(xds.node.metadata.CLUSTER_ID)%',
  };
}

/** The upstream as EDS described it. */
const upstreamPeer: Tags = {
  destination_workload: '%UPSTREAM_METADATA(istio:name)%',
  destination_workload_namespace: '%UPSTREAM_METADATA(istio:namespace)%',
  destination_canonical_service: '%UPSTREAM_METADATA(istio:service)%',
  destination_canonical_revision: '%UPSTREAM_METADATA(istio:revision)%',
  destination_app: '%UPSTREAM_METADATA(istio:service)%',
  destination_version: '%UPSTREAM_METADATA(istio:revision)%',
  destination_cluster: '%UPSTREAM_METADATA(istio:cluster)%',
};

const service: Tags = {
  destination_service: '%CLUSTER_METADATA(istio:service)%',
  destination_service_name: '%CLUSTER_METADATA(istio:service_name)%',
  destination_service_namespace: '%CLUSTER_METADATA(istio:service_namespace)%',
};

/** Names proven by certificates, and whether the connection was mutual TLS; the client side cannot say (Istio: unknown). */
function describeSecurity(reporter: Reporter): Tags {
  return reporter === 'source'
    ? {
        source_principal: '%UPSTREAM_LOCAL_URI_SAN%',
        destination_principal: '%UPSTREAM_PEER_URI_SAN%',
        connection_security_policy: 'unknown',
      }
    : {
        source_principal: '%DOWNSTREAM_PEER_URI_SAN%',
        destination_principal: '%DOWNSTREAM_LOCAL_URI_SAN%',
        connection_security_policy: "%CEL(connection.mtls ? 'mutual_tls' : 'none')%",
      };
}

function describe(reporter: Reporter): Tags {
  return {
    reporter,
    ...describeSelf(reporter),
    ...(reporter === 'source' ? upstreamPeer : {}),
    ...service,
    ...describeSecurity(reporter),
    response_flags: '%RESPONSE_FLAGS%',
  };
}

const request: Tags = {
  request_protocol:
    "%CEL('content-type' in request.headers && request.headers['content-type'].startsWith('application/grpc') ? 'grpc' : 'http')%",
  response_code: '%RESPONSE_CODE%',
  grpc_response_status: '%GRPC_STATUS_NUMBER%',
};

function buildStat(name: string, tags: Tags): Stat {
  return { name, tags: Object.entries(tags).map(([tag, valueFormat]) => ({ name: tag, valueFormat })) };
}

function buildStatsLog(config: StatsConfig, types?: readonly LogType[]): AccessLog {
  return {
    name: filters.statsAccessLog,
    ...(types ? { filter: { logTypeFilter: { types } } } : {}),
    typedConfig: pack('envoy.extensions.access_loggers.stats.v3.Config', {
      statsScope: { prefix: 'istio' },
      ...config,
    }),
  };
}

/** The loggers depend on nothing but the reporter, and every filter chain has them: built once each. */
const httpMetrics = new Map<Reporter, readonly AccessLog[]>();
const tcpMetrics = new Map<Reporter, readonly AccessLog[]>();

function remember(
  known: Map<Reporter, readonly AccessLog[]>,
  reporter: Reporter,
  compose: (reporter: Reporter) => readonly AccessLog[],
): readonly AccessLog[] {
  const loggers = known.get(reporter) ?? compose(reporter);
  known.set(reporter, loggers);
  return loggers;
}

/** Istio's standard HTTP metrics: requests, duration, sizes. */
export function buildHttpMetrics(reporter: Reporter): readonly AccessLog[] {
  return remember(httpMetrics, reporter, composeHttpMetrics);
}

/** Istio's standard TCP metrics: connections opened and closed, bytes when a connection ends. */
export function buildTcpMetrics(reporter: Reporter): readonly AccessLog[] {
  return remember(tcpMetrics, reporter, composeTcpMetrics);
}

function composeHttpMetrics(reporter: Reporter): readonly AccessLog[] {
  const tags = { ...describe(reporter), ...request };
  return [
    buildStatsLog({
      counters: [{ stat: buildStat('requests_total', tags), valueFixed: { value: 1 } }],
      histograms: [
        { stat: buildStat('request_duration_milliseconds', tags), unit: 'Milliseconds', valueFormat: '%DURATION%' },
        { stat: buildStat('request_bytes', tags), unit: 'Bytes', valueFormat: '%BYTES_RECEIVED%' },
        { stat: buildStat('response_bytes', tags), unit: 'Bytes', valueFormat: '%BYTES_SENT%' },
      ],
    }),
  ];
}

function composeTcpMetrics(reporter: Reporter): readonly AccessLog[] {
  const tags = { ...describe(reporter), request_protocol: 'tcp' };
  const one = { valueFixed: { value: 1 } };
  return [
    buildStatsLog({ counters: [{ stat: buildStat('tcp_connections_opened_total', tags), ...one }] }, [
      'TcpUpstreamConnected',
    ]),
    buildStatsLog(
      {
        counters: [
          { stat: buildStat('tcp_connections_closed_total', tags), ...one },
          { stat: buildStat('tcp_received_bytes_total', tags), valueFormat: '%BYTES_RECEIVED%' },
          { stat: buildStat('tcp_sent_bytes_total', tags), valueFormat: '%BYTES_SENT%' },
        ],
      },
      ['TcpConnectionEnd'],
    ),
  ];
}
