import * as z from 'zod';
import { atMostOne, withRule } from '../schema/rule.ts';
import { int32, nullable, type Value } from '../schema/vocabulary.ts';
import { oneAttachment, policySelector, targetRefs } from '../shared/selector.ts';
import { trafficMatch, wasmFields } from './wasm.ts';

const fields = oneAttachment(
  atMostOne(
    z.object({
      selector: policySelector(),
      targetRefs: targetRefs(),
      phase: z
        .enum(['UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'])
        .optional()
        .describe('Where in the filter chain the extension goes.'),
      priority: nullable(int32()).describe('Order within the phase; larger numbers first.'),
      match: trafficMatch(),
      wasm: z.object(wasmFields).optional().describe('A Wasm module.'),
      lua: z
        .object({ inlineCode: z.string().min(1).max(65_536).describe('The script.') })
        .optional()
        .describe('A Lua script.'),
    }),
    'wasm',
    'lua',
  ),
  'selector',
  'targetRefs',
);

export const TrafficExtensionSpec = withRule(fields, {
  cel: 'has(self.wasm) != has(self.lua)',
  message: 'exactly one of wasm and lua must be set',
  holds: (spec) => (spec.wasm !== undefined) !== (spec.lua !== undefined),
});
export type TrafficExtensionSpec = Value<typeof TrafficExtensionSpec>;
