import * as z from 'zod';
import { stringMap, type Value } from '../schema/vocabulary.ts';
import { Port } from '../shared/port.ts';
import { ServerTLSSettings } from './servertls.ts';

export const Server = z.object({
  name: z.string().optional().describe('Name of the server, unique in the gateway.'),
  port: Port.describe('Port that the gateway listens on.'),
  bind: z.string().optional().describe('Address or unix socket to listen on; all addresses when absent.'),
  hosts: z.array(z.string()).describe('Hosts served here, as host or namespace/host; wildcards on the left.'),
  tls: ServerTLSSettings.optional().describe('How TLS is answered.'),
  defaultEndpoint: z.string().optional().describe('Where unmatched traffic goes; not supported.'),
});
export type Server = Value<typeof Server>;

export const GatewaySpec = z.object({
  servers: z.array(Server).optional().describe('What the gateway listens on.'),
  selector: stringMap().optional().describe('Labels of the gateway pods that get this configuration.'),
});
export type GatewaySpec = Value<typeof GatewaySpec>;
