import * as z from 'zod';
import { atMostOne } from '../../schema/rule.ts';
import { double, duration, nullable, uint32, uint64, type Value } from '../../schema/vocabulary.ts';

const HTTPCookie = z.object({
  name: z.string().describe('Name of the cookie.'),
  path: z.string().optional().describe('Path of the cookie.'),
  ttl: z.string().optional().describe('Lifetime of a cookie that the proxy makes; 0s for a session cookie.'),
  attributes: z
    .array(
      z.object({
        name: z.string().describe('Name of the attribute.'),
        value: z.string().optional().describe('Value of the attribute.'),
      }),
    )
    .optional()
    .describe('Further attributes of the cookie.'),
});

export const ConsistentHashLB = atMostOne(
  atMostOne(
    z.object({
      httpHeaderName: z.string().optional().describe('Hash this header.'),
      httpCookie: HTTPCookie.optional().describe('Hash this cookie; made when missing.'),
      useSourceIp: z.boolean().optional().describe('Hash the source address.'),
      httpQueryParameterName: z.string().optional().describe('Hash this query parameter.'),
      ringHash: z
        .object({ minimumRingSize: uint64().optional().describe('Least number of points on the ring.') })
        .optional()
        .describe('Use ring hash.'),
      maglev: z
        .object({ tableSize: uint64().optional().describe('Size of the table, a prime.') })
        .optional()
        .describe('Use Maglev.'),
      minimumRingSize: uint64().optional().describe('Prefer ringHash.minimumRingSize.'),
    }),
    'httpHeaderName',
    'httpCookie',
    'useSourceIp',
    'httpQueryParameterName',
  ),
  'ringHash',
  'maglev',
);
export type ConsistentHashLB = Value<typeof ConsistentHashLB>;

const Failover = z.object({
  from: z.string().optional().describe('Where the traffic comes from.'),
  to: z.string().optional().describe('Where it goes when the first place is unhealthy.'),
});

export const LocalityLoadBalancerSetting = z.object({
  distribute: z
    .array(
      z.object({
        from: z.string().optional().describe('Locality of the caller: region/zone/subzone, with wildcards.'),
        to: z.record(z.string(), uint32()).optional().describe('Percentages by locality; they add up to 100.'),
      }),
    )
    .optional()
    .describe('Explicit shares by locality.'),
  failover: z.array(Failover).optional().describe('Order of regions when one fails.'),
  failoverPriority: z.array(z.string()).optional().describe('Labels that order the endpoints, the first counts most.'),
  enabled: nullable(z.boolean()).describe('Overrides the mesh-wide switch.'),
});
export type LocalityLoadBalancerSetting = Value<typeof LocalityLoadBalancerSetting>;

export const ZoneAwareLoadBalancerSetting = z.object({
  enabled: nullable(z.boolean()).describe('Whether endpoints of the own zone are preferred.'),
  failover: z.array(Failover).optional().describe('Order of regions when one fails.'),
  failoverPriority: z.array(z.string()).optional().describe('Labels that order the endpoints, the first counts most.'),
  minClusterSize: nullable(z.int().min(1).max(4_294_967_295)).describe('Fewest endpoints for which the zone counts.'),
});
export type ZoneAwareLoadBalancerSetting = Value<typeof ZoneAwareLoadBalancerSetting>;

export const WarmupConfiguration = z.object({
  duration: duration().describe('How long a new endpoint gets less than its share.'),
  minimumPercent: nullable(double().min(0).max(100)).describe('Share it begins with.'),
  aggression: nullable(double().min(0)).describe('Shape of the ramp; 1 is linear.'),
});

const period = (text: string) => z.string().optional().describe(text);

/** Weights from what endpoints report about their load (ORCA). */
export const BackendUtilizationLB = z.object({
  weightStabilizationPeriod: period('How long reports of a new endpoint are not trusted.'),
  weightExpirationPeriod: period('How long a report stays valid.'),
  weightUpdatePeriod: period('How often the weights are computed.'),
  errorUtilizationPenaltyPercent: uint32().optional().describe('How much errors count as load.'),
  metricNamesForComputingUtilization: z.array(z.string()).optional().describe('Metrics that tell the load.'),
});
export type BackendUtilizationLB = Value<typeof BackendUtilizationLB>;

export const LoadBalancerSettings = atMostOne(
  z.object({
    simple: z
      .enum(['UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'])
      .optional()
      .describe('A standard algorithm; LEAST_REQUEST is the default.'),
    consistentHash: ConsistentHashLB.optional().describe('Requests of one key go to one endpoint.'),
    backendUtilization: BackendUtilizationLB.optional().describe('Endpoints get requests by the load they report.'),
    localityLbSetting: LocalityLoadBalancerSetting.optional().describe('Preference by locality.'),
    zoneAwareLbSetting: ZoneAwareLoadBalancerSetting.optional().describe('Preference for the own zone.'),
    warmupDurationSecs: duration().optional().describe('Prefer warmup.'),
    warmup: WarmupConfiguration.optional().describe('Slow start of new endpoints.'),
  }),
  'simple',
  'consistentHash',
  'backendUtilization',
);
export type LoadBalancerSettings = Value<typeof LoadBalancerSettings>;
