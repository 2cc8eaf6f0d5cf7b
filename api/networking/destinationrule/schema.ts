import * as z from 'zod';
import { double, nullable, stringMap, uint32, type Value } from '../../schema/vocabulary.ts';
import { PortSelector } from '../../shared/port.ts';
import { PolicySelector } from '../../shared/selector.ts';
import { ConnectionPoolSettings, OutlierDetection } from './connectionpool.ts';
import { LoadBalancerSettings } from './loadbalancer.ts';

/** How a proxy speaks TLS to a destination. */
export const ClientTLSSettings = z.object({
  mode: z
    .enum(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'])
    .optional()
    .describe(
      'DISABLE plaintext, SIMPLE TLS, MUTUAL TLS with own files, ISTIO_MUTUAL TLS with the workload certificate.',
    ),
  clientCertificate: z.string().optional().describe('File of the client certificate, for MUTUAL.'),
  privateKey: z.string().optional().describe('File of the private key, for MUTUAL.'),
  caCertificates: z.string().optional().describe('File of the roots that the server is checked against.'),
  credentialName: z.string().optional().describe('Secret that holds key, certificate and roots.'),
  subjectAltNames: z.array(z.string()).optional().describe('Names of which the server certificate must bear one.'),
  sni: z.string().optional().describe('Server name to ask for.'),
  insecureSkipVerify: nullable(z.boolean()).describe('Do not check the server certificate.'),
  caCrl: z.string().optional().describe('File of the revocation list.'),
});
export type ClientTLSSettings = Value<typeof ClientTLSSettings>;

export const PortTrafficPolicy = z.object({
  port: PortSelector.optional().describe('Port of the service that the policy is for.'),
  loadBalancer: LoadBalancerSettings.optional().describe('Load balancing.'),
  connectionPool: ConnectionPoolSettings.optional().describe('Limits and timeouts of connections.'),
  outlierDetection: OutlierDetection.optional().describe('When an endpoint is taken out of rotation.'),
  tls: ClientTLSSettings.optional().describe('TLS towards the destination.'),
});
export type PortTrafficPolicy = Value<typeof PortTrafficPolicy>;

export const TrafficPolicy = z.object({
  loadBalancer: LoadBalancerSettings.optional().describe('Load balancing.'),
  connectionPool: ConnectionPoolSettings.optional().describe('Limits and timeouts of connections.'),
  outlierDetection: OutlierDetection.optional().describe('When an endpoint is taken out of rotation.'),
  tls: ClientTLSSettings.optional().describe('TLS towards the destination.'),
  portLevelSettings: z
    .array(PortTrafficPolicy)
    .max(4096)
    .optional()
    .describe('Policies of single ports; they replace those above, nothing is inherited.'),
  tunnel: z
    .object({
      protocol: z.string().optional().describe('CONNECT or POST.'),
      targetHost: z.string().describe('Host that the tunnel leads to.'),
      targetPort: uint32().describe('Port that the tunnel leads to.'),
    })
    .optional()
    .describe('Carry TCP inside an HTTP tunnel.'),
  proxyProtocol: z
    .object({ version: z.enum(['V1', 'V2']).optional().describe('Version of the PROXY protocol.') })
    .optional()
    .describe('Send a PROXY protocol header.'),
  retryBudget: z
    .object({
      percent: nullable(double().min(0).max(100)).describe('Retries in flight as a share of requests in flight.'),
      minRetryConcurrency: uint32().optional().describe('Retries that are always allowed.'),
      budgetInterval: z.string().optional().describe('Time over which requests are counted.'),
    })
    .optional()
    .describe('Limit of retries relative to requests.'),
});
export type TrafficPolicy = Value<typeof TrafficPolicy>;

export const Subset = z.object({
  name: z.string().describe('Name by which routes refer to it.'),
  labels: stringMap().optional().describe('Labels of the endpoints that belong to it.'),
  trafficPolicy: TrafficPolicy.optional().describe('Policies that replace those of the whole host.'),
});
export type Subset = Value<typeof Subset>;

export const DestinationRuleSpec = z.object({
  host: z
    .string()
    .describe('Service that the policies are for; a short name is completed with the namespace of the rule.'),
  trafficPolicy: TrafficPolicy.optional().describe('Policies for the whole host.'),
  subsets: z.array(Subset).optional().describe('Named parts of the service.'),
  exportTo: z.array(z.string()).optional().describe('Namespaces that see the rule: names, `.` or `*`.'),
  workloadSelector: PolicySelector.optional().describe('Client workloads that the rule is for; all when absent.'),
});
export type DestinationRuleSpec = Value<typeof DestinationRuleSpec>;
