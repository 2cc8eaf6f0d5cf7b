import * as z from 'zod';
import { duration, int32, nullable, uint32, type Value } from '../../schema/vocabulary.ts';

export const TcpKeepalive = z.object({
  probes: uint32().optional().describe('Unanswered probes after which the connection is dead.'),
  time: duration().optional().describe('Idle time before the first probe.'),
  interval: duration().optional().describe('Time between probes.'),
});
export type TcpKeepalive = Value<typeof TcpKeepalive>;

export const ConnectionPoolSettings = z.object({
  tcp: z
    .object({
      maxConnections: int32().optional().describe('Most connections to the destination.'),
      connectTimeout: duration().optional().describe('How long a connection may take to open.'),
      tcpKeepalive: TcpKeepalive.optional().describe('Keepalive of the socket.'),
      maxConnectionDuration: duration().optional().describe('Longest life of a connection.'),
      idleTimeout: z.string().optional().describe('A connection idle for this long is closed; 0s turns it off.'),
    })
    .optional()
    .describe('Settings for every kind of connection.'),
  http: z
    .object({
      http1MaxPendingRequests: int32().optional().describe('Most requests that wait for a connection.'),
      http2MaxRequests: int32().optional().describe('Most requests in flight.'),
      maxRequestsPerConnection: int32()
        .optional()
        .describe('Requests after which a connection is closed; 1 turns keep-alive off.'),
      maxRetries: int32().optional().describe('Most retries in flight.'),
      idleTimeout: duration().optional().describe('A connection without requests for this long is closed.'),
      h2UpgradePolicy: z
        .enum(['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'])
        .optional()
        .describe('Whether HTTP/1.1 is carried over HTTP/2 to the destination.'),
      useClientProtocol: z.boolean().optional().describe('Speak to the destination what the client spoke.'),
      maxConcurrentStreams: int32().optional().describe('Most streams of one HTTP/2 connection.'),
      http2KeepAlive: z
        .object({
          interval: duration().optional().describe('Time between pings.'),
          timeout: duration().optional().describe('How long the answer may take.'),
        })
        .optional()
        .describe('HTTP/2 pings.'),
    })
    .optional()
    .describe('Settings for HTTP.'),
});
export type ConnectionPoolSettings = Value<typeof ConnectionPoolSettings>;

export const OutlierDetection = z.object({
  consecutiveErrors: int32().optional().describe('No longer used; see consecutive5xxErrors.'),
  splitExternalLocalOriginErrors: z
    .boolean()
    .optional()
    .describe('Count connection failures apart from error answers.'),
  consecutiveLocalOriginFailures: nullable(uint32()).describe('Connection failures in a row before ejection.'),
  consecutiveGatewayErrors: nullable(uint32()).describe('502, 503 and 504 in a row before ejection.'),
  consecutive5xxErrors: nullable(uint32()).describe('5xx in a row before ejection.'),
  outlierDetectionHttpErrorCodes: z
    .array(z.int().min(100).max(599))
    .optional()
    .describe('Further status codes that count as errors.'),
  interval: duration().optional().describe('Time between checks.'),
  baseEjectionTime: duration().optional().describe('Shortest ejection; grows with each further one.'),
  maxEjectionPercent: int32().optional().describe('Largest share of endpoints that may be ejected.'),
  minHealthPercent: int32().optional().describe('Below this share of healthy endpoints ejection stops.'),
});
export type OutlierDetection = Value<typeof OutlierDetection>;
