import * as z from 'zod';
import { withRule } from '../schema/rule.ts';
import { bounded, type Value } from '../schema/vocabulary.ts';
import { policySelector } from '../shared/selector.ts';

export const MutualTLS = z.object({
  mode: z
    .enum(['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'])
    .optional()
    .describe('Whether callers must use mutual TLS; UNSET inherits.'),
});
export type MutualTLS = Value<typeof MutualTLS>;

const portLevelMtls = withRule(bounded(z.record(z.string(), MutualTLS), { min: 1 }), {
  cel: 'self.all(key, 0 < int(key) && int(key) <= 65535)',
  message: 'a key must be a port between 1 and 65535',
  holds: (map) => Object.keys(map).every((key) => /^[+-]?\d+$/.test(key) && Number(key) > 0 && Number(key) <= 65_535),
});

export const PeerAuthenticationSpec = withRule(
  z.object({
    selector: policySelector(),
    mtls: MutualTLS.optional().describe('Mode for all ports.'),
    portLevelMtls: portLevelMtls.optional().describe('Modes of single ports of the workload.'),
  }),
  {
    cel: 'has(self.portLevelMtls) ? (((has(self.selector) && has(self.selector.matchLabels)) ? self.selector.matchLabels : {}).size() > 0) : true',
    message: 'portLevelMtls needs a selector',
    holds: (spec) => spec.portLevelMtls === undefined || Object.keys(spec.selector?.matchLabels ?? {}).length > 0,
  },
);
export type PeerAuthenticationSpec = Value<typeof PeerAuthenticationSpec>;
