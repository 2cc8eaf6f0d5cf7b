import * as z from 'zod';
import type { Value } from '../schema/vocabulary.ts';
import { PortSelector } from '../shared/port.ts';

/** Where a route sends requests or connections. */
export const Destination = z.object({
  host: z
    .string()
    .describe('Name of a service known to the mesh; a short name is completed with the namespace of the rule.'),
  subset: z.string().optional().describe('A subset that the DestinationRule of the host declares.'),
  port: PortSelector.optional().describe('Port of the service; needed when it has more than one.'),
});
export type Destination = Value<typeof Destination>;
