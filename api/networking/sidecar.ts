import * as z from 'zod';
import type { Value } from '../schema/vocabulary.ts';
import { SidecarPort } from '../shared/port.ts';
import { WorkloadSelector } from '../shared/selector.ts';
import { Destination } from './destination.ts';
import { ConnectionPoolSettings } from './destinationrule/connectionpool.ts';
import { ServerTLSSettings } from './servertls.ts';

const captureMode = () =>
  z.enum(['DEFAULT', 'IPTABLES', 'NONE']).optional().describe('How traffic reaches the listener.');

export const IstioIngressListener = z.object({
  port: SidecarPort.describe('Port that the workload serves.'),
  bind: z.string().optional().describe('Address to listen on.'),
  captureMode: captureMode(),
  defaultEndpoint: z
    .string()
    .optional()
    .describe('Where the application listens: 127.0.0.1:port, 0.0.0.0:port or unix://path.'),
  tls: ServerTLSSettings.optional().describe('TLS of clients from outside the mesh.'),
  connectionPool: ConnectionPoolSettings.optional().describe('Limits of connections to the application.'),
});
export type IstioIngressListener = Value<typeof IstioIngressListener>;

export const IstioEgressListener = z.object({
  port: SidecarPort.optional().describe('Port of the services; all others are the default when absent.'),
  bind: z.string().optional().describe('Address or unix socket to listen on.'),
  captureMode: captureMode(),
  hosts: z.array(z.string()).describe('Services that can be reached, as namespace/host with `.`, `*` and `~`.'),
});
export type IstioEgressListener = Value<typeof IstioEgressListener>;

export const OutboundTrafficPolicy = z.object({
  mode: z.enum(['REGISTRY_ONLY', 'ALLOW_ANY']).optional().describe('Whether unknown hosts can be reached.'),
  egressProxy: Destination.optional().describe('Where traffic to unknown hosts is sent.'),
});
export type OutboundTrafficPolicy = Value<typeof OutboundTrafficPolicy>;

export const SidecarSpec = z.object({
  workloadSelector: WorkloadSelector.optional().describe(
    'Workloads this applies to; all in the namespace when absent.',
  ),
  ingress: z.array(IstioIngressListener).optional().describe('Inbound listeners; made from the services when absent.'),
  egress: z.array(IstioEgressListener).optional().describe('Outbound listeners and what they can see.'),
  inboundConnectionPool: ConnectionPoolSettings.optional().describe('Limits of connections to the application.'),
  outboundTrafficPolicy: OutboundTrafficPolicy.optional().describe('What happens to traffic to unknown hosts.'),
});
export type SidecarSpec = Value<typeof SidecarSpec>;
