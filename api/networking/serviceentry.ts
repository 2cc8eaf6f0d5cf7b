import * as z from 'zod';
import { withRule } from '../schema/rule.ts';
import { listMap, portNumber, type Value } from '../schema/vocabulary.ts';
import { WorkloadSelector } from '../shared/selector.ts';
import { WorkloadEntrySpec } from './workloadentry.ts';

export const ServicePort = z.object({
  number: portNumber().describe('Port number.'),
  protocol: z.string().max(256).optional().describe('HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS.'),
  name: z.string().max(256).describe('Name of the port, unique in the entry.'),
  targetPort: portNumber().optional().describe('Port of the endpoints when it differs.'),
});
export type ServicePort = Value<typeof ServicePort>;

const ports = withRule(listMap(z.array(ServicePort).max(256), 'name'), {
  cel: 'self.all(l1, self.exists_one(l2, l1.number == l2.number))',
  message: 'a port number may occur once only',
  holds: (list) => new Set(list.map((port) => port.number)).size === list.length,
});

const fields = z.object({
  hosts: z
    .array(
      withRule(z.string(), {
        cel: 'self != "*"',
        message: 'a host must not be the wildcard * alone',
        holds: (host) => host !== '*',
      }),
    )
    .min(1)
    .max(256)
    .describe('Names of the service.'),
  addresses: z
    .array(z.string().max(64))
    .max(256)
    .optional()
    .describe('Virtual addresses or CIDR blocks of the service.'),
  ports: ports.optional().describe('Ports of the service.'),
  location: z.enum(['MESH_EXTERNAL', 'MESH_INTERNAL']).optional().describe('Whether the service belongs to the mesh.'),
  resolution: z
    .enum(['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'])
    .optional()
    .describe('Where the addresses come from.'),
  endpoints: z.array(WorkloadEntrySpec).max(4096).optional().describe('Endpoints of the service.'),
  workloadSelector: WorkloadSelector.optional().describe('Pods and WorkloadEntries that are the endpoints.'),
  exportTo: z.array(z.string()).optional().describe('Namespaces that see the service: names, `.` or `*`.'),
  subjectAltNames: z.array(z.string()).optional().describe('Names of which the server certificate must bear one.'),
});

const selected = withRule(fields, {
  cel: '(has(self.workloadSelector) ? 1 : 0) + (has(self.endpoints) ? 1 : 0) <= 1',
  message: 'only one of workloadSelector and endpoints may be set',
  holds: (spec) => spec.workloadSelector === undefined || spec.endpoints === undefined,
});

const withCidr = withRule(selected, {
  cel: '!((has(self.addresses) ? self.addresses : []).exists(k, k.contains("/")) && !((has(self.resolution) ? self.resolution : "NONE") in ["STATIC", "NONE"]))',
  message: 'CIDR addresses need resolution NONE or STATIC',
  holds: (spec) =>
    !(spec.addresses ?? []).some((address) => address.includes('/')) ||
    ['STATIC', 'NONE'].includes(spec.resolution ?? 'NONE'),
});

const withNone = withRule(withCidr, {
  cel: '((has(self.resolution) ? self.resolution : "NONE") == "NONE") ? !has(self.endpoints) : true',
  message: 'resolution NONE allows no endpoints',
  holds: (spec) => (spec.resolution ?? 'NONE') !== 'NONE' || spec.endpoints === undefined,
});

export const ServiceEntrySpec = withRule(withNone, {
  cel: '((has(self.resolution) ? self.resolution : "") == "DNS_ROUND_ROBIN") ? ((has(self.endpoints) ? self.endpoints : []).size() <= 1) : true',
  message: 'resolution DNS_ROUND_ROBIN allows one endpoint at most',
  holds: (spec) => spec.resolution !== 'DNS_ROUND_ROBIN' || (spec.endpoints ?? []).length <= 1,
});
export type ServiceEntrySpec = Value<typeof ServiceEntrySpec>;
