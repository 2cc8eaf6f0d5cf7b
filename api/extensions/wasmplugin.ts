import * as z from 'zod';
import { int32, nullable, type Value } from '../schema/vocabulary.ts';
import { oneAttachment, policySelector, targetRef, targetRefs } from '../shared/selector.ts';
import { trafficMatch, wasmFields } from './wasm.ts';

export const WasmPluginSpec = oneAttachment(
  z.object({
    selector: policySelector(),
    targetRef: targetRef(),
    targetRefs: targetRefs(),
    ...wasmFields,
    phase: z
      .enum(['UNSPECIFIED_PHASE', 'AUTHN', 'AUTHZ', 'STATS'])
      .optional()
      .describe('Where in the filter chain the plugin goes.'),
    priority: nullable(int32()).describe('Order within the phase; larger numbers first.'),
    match: trafficMatch(),
  }),
  'selector',
  'targetRef',
  'targetRefs',
);
export type WasmPluginSpec = Value<typeof WasmPluginSpec>;
