import * as z from 'zod';
import { atMostOne } from '../schema/rule.ts';
import { uint32, type Value } from '../schema/vocabulary.ts';
import { text } from './scalars.ts';

const NetworkEndpoints = atMostOne(
  z.object({
    fromCidr: text().describe('Addresses of the network.'),
    fromRegistry: text().describe('Cluster whose endpoints are in the network.'),
  }),
  'fromCidr',
  'fromRegistry',
);

const NetworkGateway = atMostOne(
  z.object({
    registryServiceName: text().describe('Service of the gateway.'),
    address: text().describe('Address of the gateway.'),
    port: uint32().optional().describe('Port of the gateway.'),
    locality: text().describe('Place of the gateway.'),
  }),
  'registryServiceName',
  'address',
);

export const MeshNetworks = z.object({
  networks: z
    .record(
      z.string(),
      z.object({
        endpoints: z.array(NetworkEndpoints).optional().describe('What belongs to the network.'),
        gateways: z.array(NetworkGateway).optional().describe('How it is reached from others.'),
      }),
    )
    .optional()
    .describe('Networks by name.'),
});
export type MeshNetworks = Value<typeof MeshNetworks>;
