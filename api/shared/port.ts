import * as z from 'zod';
import { uint32, type Value } from '../schema/vocabulary.ts';

export const PortSelector = z.object({
  number: uint32().optional().describe('Port number of the service.'),
});
export type PortSelector = Value<typeof PortSelector>;

const portFields = {
  number: uint32().describe('Port number to listen on.'),
  protocol: z.string().describe('HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS.'),
  name: z.string().describe('Label of the port.'),
  targetPort: uint32().optional().describe('No longer used.'),
};

/** The port of a Gateway server. */
export const Port = z.object(portFields);
export type Port = Value<typeof Port>;

/** The port of a Sidecar listener, where every field may be left out. */
export const SidecarPort = z.object(portFields).partial();
export type SidecarPort = Value<typeof SidecarPort>;
