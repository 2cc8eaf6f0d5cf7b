import * as z from 'zod';
import { withRule } from '../schema/rule.ts';
import { bounded, portNumber, stringMap, uint32, type Value } from '../schema/vocabulary.ts';

const address = withRule(
  withRule(z.string().max(256), {
    cel: 'self.startsWith("unix://") ? (self.substring(7, 8) == "/" || self.substring(7, 8) == "@") : true',
    message: 'a unix socket must be an absolute path or an abstract name',
    holds: (text) => !text.startsWith('unix://') || ['/', '@'].includes(text.slice(7, 8)),
  }),
  {
    cel: 'self.startsWith("unix://") ? !self.endsWith("/") : true',
    message: 'a unix socket must not be a directory',
    holds: (text) => !text.startsWith('unix://') || !text.endsWith('/'),
  },
);

const ports = withRule(bounded(z.record(z.string(), portNumber()), { max: 128 }), {
  cel: 'self.all(key, size(key) < 63 && key.matches("^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$"))',
  message: 'a port name must be a DNS label',
  holds: (map) =>
    Object.keys(map).every((key) => key.length < 63 && /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(key)),
});

/** The fields of a workload outside Kubernetes, without the demand for an address. */
export const WorkloadTemplate = withRule(
  z.object({
    address: address.optional().describe('IP address, DNS name or unix socket.'),
    ports: ports.optional().describe('Real ports by the port name of the service.'),
    labels: bounded(stringMap(), { max: 256 }).optional().describe('Labels, as a pod would carry them.'),
    network: z.string().max(2048).optional().describe('Network that the address belongs to.'),
    locality: z.string().max(2048).optional().describe('Place as region/zone/subzone.'),
    weight: uint32().optional().describe('Share relative to the other endpoints.'),
    serviceAccount: z.string().max(253).optional().describe('Service account whose identity the workload has.'),
  }),
  {
    cel: '(has(self.address) ? self.address : "").startsWith("unix://") ? !has(self.ports) : true',
    message: 'a unix socket has no ports',
    holds: (entry) => !(entry.address ?? '').startsWith('unix://') || entry.ports === undefined,
  },
);
export type WorkloadTemplate = Value<typeof WorkloadTemplate>;

export const WorkloadEntrySpec = withRule(WorkloadTemplate, {
  cel: 'has(self.address) || has(self.network)',
  message: 'address is required',
  holds: (entry) => entry.address !== undefined || entry.network !== undefined,
});
export type WorkloadEntrySpec = Value<typeof WorkloadEntrySpec>;
