import * as z from 'zod';
import { withFacts } from '../schema/rule.ts';
import { intOrString, listMap, type Value } from '../schema/vocabulary.ts';

const timestamp = () => withFacts(z.string(), { format: 'date-time' });

export const Condition = z.object({
  type: z.string().describe('What the condition is about, such as Accepted or Programmed.'),
  status: z.string().optional().describe('True, False or Unknown.'),
  reason: z.string().optional().describe('Why, in one word.'),
  message: z.string().optional().describe('Why, in a sentence.'),
  lastProbeTime: timestamp().optional().describe('When it was last looked at.'),
  lastTransitionTime: timestamp().optional().describe('When the status last changed.'),
  observedGeneration: intOrString().optional().describe('Generation of the resource that this is about.'),
});
export type Condition = Value<typeof Condition>;

const ValidationMessage = z.object({
  type: z
    .object({
      name: z.string().optional().describe('Name of the kind of message.'),
      code: z.string().optional().describe('Its code, IST and four digits.'),
    })
    .optional()
    .describe('Kind of message.'),
  level: z.enum(['UNKNOWN', 'ERROR', 'WARNING', 'INFO']).optional().describe('How serious it is.'),
  documentationUrl: z.string().optional().describe('Where the kind of message is explained.'),
});

/** The status that every mesh kind shares. */
export const IstioStatus = z.object({
  conditions: listMap(z.array(Condition), 'type').optional().describe('What is the case, by type.'),
  validationMessages: z.array(ValidationMessage).optional().describe('What the analyzers found.'),
  observedGeneration: intOrString().optional().describe('Generation that the status is about.'),
});
export type IstioStatus = Value<typeof IstioStatus>;

export const ServiceEntryStatus = IstioStatus.extend({
  addresses: z
    .array(
      z.object({
        value: z.string().optional().describe('The address.'),
        host: z.string().optional().describe('The host that it stands for.'),
      }),
    )
    .optional()
    .describe('Addresses that were allocated for hosts without one.'),
});
export type ServiceEntryStatus = Value<typeof ServiceEntryStatus>;
