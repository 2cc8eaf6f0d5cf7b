import { parseDuration } from '../../duration.ts';
import type { Diagnostic } from '../../resource.ts';
import { errorIf, optionally, type Path, warningIf } from '../../schema/findings.ts';
import type { ConnectionPoolSettings, OutlierDetection } from './connectionpool.ts';

type Tcp = NonNullable<ConnectionPoolSettings['tcp']>;
type Http = NonNullable<ConnectionPoolSettings['http']>;

export function checkConnectionPool(pool: ConnectionPoolSettings, path: Path): Diagnostic[] {
  return [
    ...errorIf(pool.tcp === undefined && pool.http === undefined, path, 'one of tcp and http is required'),
    ...optionally(pool.tcp, [...path, 'tcp'], checkTcp),
    ...optionally(pool.http, [...path, 'http'], checkHttp),
  ];
}

function checkTcp(tcp: Tcp, path: Path): Diagnostic[] {
  const idle = tcp.idleTimeout === undefined ? 0 : parseDuration(tcp.idleTimeout);
  const wrongIdle = idle === undefined || (idle !== 0 && idle < 1);
  return [
    ...errorIf((tcp.maxConnections ?? 0) < 0, [...path, 'maxConnections'], 'must not be negative'),
    ...errorIf(wrongIdle, [...path, 'idleTimeout'], 'must be 0s or a duration of at least 1ms'),
  ];
}

const counts = [
  'http1MaxPendingRequests',
  'http2MaxRequests',
  'maxRequestsPerConnection',
  'maxRetries',
  'maxConcurrentStreams',
] as const;

function checkHttp(http: Http, path: Path): Diagnostic[] {
  const both = http.h2UpgradePolicy === 'UPGRADE' && http.useClientProtocol === true;
  return [
    ...counts.flatMap((field) => errorIf((http[field] ?? 0) < 0, [...path, field], 'must not be negative')),
    ...errorIf(both, [...path, 'useClientProtocol'], 'cannot go with h2UpgradePolicy UPGRADE'),
    ...optionally(http.http2KeepAlive, [...path, 'http2KeepAlive'], ({ interval, timeout }, at) => [
      ...errorIf(interval === undefined, [...at, 'interval'], 'is required'),
      ...errorIf(timeout === undefined, [...at, 'timeout'], 'is required'),
    ]),
  ];
}

export function checkOutlierDetection(outlier: OutlierDetection, path: Path): Diagnostic[] {
  const local = (outlier.consecutiveLocalOriginFailures ?? 0) > 0;
  const percents = ['maxEjectionPercent', 'minHealthPercent'] as const;
  return [
    ...errorIf(
      local && !outlier.splitExternalLocalOriginErrors,
      [...path, 'consecutiveLocalOriginFailures'],
      'needs splitExternalLocalOriginErrors',
    ),
    ...percents.flatMap((field) => {
      const value = outlier[field] ?? 0;
      return errorIf(value < 0 || value > 100, [...path, field], 'must be from 0 to 100');
    }),
    ...warningIf(
      (outlier.consecutiveErrors ?? 0) !== 0,
      [...path, 'consecutiveErrors'],
      'is no longer used: set consecutive5xxErrors or consecutiveGatewayErrors',
    ),
  ];
}
