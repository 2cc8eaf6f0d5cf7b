/** Who is connected and how far each proxy is: the pages syncz, adsz and connections, in Istio's shapes. */
import type { Message } from '#wire/index.ts';
import type { StreamState, TypeState } from '#xds/index.ts';

/** Wall-clock time of a moment on the monotonic clock. */
export type WallTime = (monotonic: number) => number;

const COLUMNS: readonly (readonly [string, string])[] = [
  ['cluster', 'cds'],
  ['listener', 'lds'],
  ['route', 'rds'],
  ['endpoint', 'eds'],
  ['extensionconfig', 'ecds'],
];

/** As Istio's tools show it, and are told which proxy is meant: not the whole id of the node. */
export const nameProxy = ({ podName, namespace }: StreamState['proxy']): string => `${podName}.${namespace}`;

export function describeSync(stream: StreamState, wallTime: WallTime): Readonly<Record<string, unknown>> {
  const { proxy } = stream;
  const types = stream.types();
  const columns = COLUMNS.flatMap(([column, label]) => {
    const state = types.find(({ type }) => type.label === label);
    if (state === undefined) return [];
    return [
      ...(state.nonceSent === '' ? [] : [[`${column}_sent`, state.nonceSent]]),
      ...(state.nonceAcked === '' ? [] : [[`${column}_acked`, state.nonceAcked]]),
    ];
  });
  return {
    cluster_id: proxy.clusterId,
    proxy: nameProxy(proxy),
    proxy_type: proxy.type,
    ...(proxy.envoyVersion === '' ? {} : { proxy_version: proxy.envoyVersion }),
    ...(proxy.istioVersion === '' ? {} : { istio_version: proxy.istioVersion }),
    ...Object.fromEntries(columns),
    resources: Object.fromEntries(
      types.map((state) => [
        state.type.typeUrl,
        {
          sent: state.nonceSent,
          acked: state.nonceAcked,
          ...(state.sentAt === undefined ? {} : { sentTime: new Date(wallTime(state.sentAt)).toISOString() }),
          ...(state.refusal === '' ? {} : { lastError: state.refusal }),
        },
      ]),
    ),
    ...(stream.waitingFor.length === 0 ? {} : { waiting_for: stream.waitingFor }),
  };
}

export function describeClient(stream: StreamState): Readonly<Record<string, unknown>> {
  const { proxy } = stream;
  const { region, zone, subzone } = proxy.locality;
  return {
    ...describeConnection(stream),
    labels: proxy.labels,
    metadata: proxy.metadata,
    locality: { region, zone, sub_zone: subzone },
    watches: Object.fromEntries(stream.types().map(({ type, names }) => [type.typeUrl, names])),
  };
}

export function describeConnection(stream: StreamState): Readonly<Record<string, unknown>> {
  return {
    connectionId: stream.proxy.connectionId,
    connectedAt: new Date(stream.connectedAt).toISOString(),
    address: stream.peer,
  };
}

/** As `istioctl proxy-status` reads it. */
export function buildClientConfig(
  stream: StreamState,
  wallTime: WallTime,
): Message<'envoy.service.status.v3.ClientConfig'> {
  const { proxy } = stream;
  const text = (stringValue: string) => ({ stringValue });
  return {
    node: {
      id: nameProxy(proxy),
      metadata: {
        fields: {
          CLUSTER_ID: text(proxy.clusterId),
          NAMESPACE: text(proxy.namespace),
          ISTIO_VERSION: text(proxy.istioVersion),
        },
      },
    },
    genericXdsConfigs: [...stream.types()]
      .sort((a, b) => (a.type.typeUrl < b.type.typeUrl ? -1 : 1))
      .map((state) => {
        const lastUpdated = state.sentAt === undefined ? undefined : toTimestamp(wallTime(state.sentAt));
        return {
          typeUrl: state.type.typeUrl,
          configStatus: statusOf(state),
          ...(lastUpdated === undefined ? {} : { lastUpdated }),
          ...(state.refusal === ''
            ? {}
            : {
                errorState: {
                  details: state.refusal,
                  ...(lastUpdated === undefined ? {} : { lastUpdateAttempt: lastUpdated }),
                },
              }),
        };
      }),
  };
}

/** Who came back with all that it is to hold was sent nothing on this stream, and is as good as if it had been. */
function statusOf({ refusal, nonceSent, holds, pending }: TypeState): 'ERROR' | 'NOT_SENT' | 'STALE' | 'SYNCED' {
  if (refusal !== '') return 'ERROR';
  if (nonceSent === '' && (pending || !holds)) return 'NOT_SENT';
  return pending ? 'STALE' : 'SYNCED';
}

function toTimestamp(milliseconds: number): { readonly seconds: number; readonly nanos: number } {
  const whole = Math.floor(milliseconds);
  return { seconds: Math.floor(whole / 1000), nanos: (whole % 1000) * 1_000_000 };
}
