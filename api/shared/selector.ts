/** How policies name the workloads or the gateway they apply to. */
import * as z from 'zod';
import { celCount, countSet, withRule } from '../schema/rule.ts';
import { bounded, type Value } from '../schema/vocabulary.ts';

const labelValue = withRule(z.string().max(63), {
  cel: '!self.contains("*")',
  message: 'wildcards are not allowed in a label value',
  holds: (value) => !value.includes('*'),
});

const matchLabels = withRule(
  withRule(bounded(z.record(z.string(), labelValue), { max: 4096 }), {
    cel: 'self.all(key, !key.contains("*"))',
    message: 'wildcards are not allowed in a label key',
    holds: (labels) => Object.keys(labels).every((key) => !key.includes('*')),
  }),
  {
    cel: 'self.all(key, key.size() != 0)',
    message: 'a label key must not be empty',
    holds: (labels) => Object.keys(labels).every((key) => key !== ''),
  },
);

/** The selector of policies: type.istio.io WorkloadSelector. */
export const PolicySelector = z.object({
  matchLabels: matchLabels.optional().describe('Labels that a pod must carry, all of them.'),
});
export type PolicySelector = Value<typeof PolicySelector>;

/** The selector of networking kinds, where the field is called `labels`. */
export const WorkloadSelector = z.object({
  labels: bounded(z.record(z.string(), labelValue), { max: 256 })
    .optional()
    .describe('Labels that a pod or WorkloadEntry must carry, all of them.'),
});
export type WorkloadSelector = Value<typeof WorkloadSelector>;

/** The gateway or service that a policy is attached to. */
export const PolicyTargetReference = z.object({
  group: z
    .string()
    .max(253)
    .regex(/^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/)
    .optional()
    .describe('API group of the target; empty for the core group.'),
  kind: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/)
    .describe('Kind of the target.'),
  name: z.string().min(1).max(253).describe('Name of the target.'),
  namespace: withRule(z.string(), {
    cel: 'self.size() == 0',
    message: 'a target in another namespace is not supported',
    holds: (namespace) => namespace === '',
  })
    .optional()
    .describe('Must stay empty: the target lives in the namespace of the policy.'),
});
export type PolicyTargetReference = Value<typeof PolicyTargetReference>;

export const policySelector = () =>
  PolicySelector.optional().describe('Workloads this applies to; all in the namespace when absent.');
export const targetRef = () => PolicyTargetReference.optional().describe('One attachment target. Prefer targetRefs.');
export const targetRefs = () => z.array(PolicyTargetReference).max(16).optional().describe('Attachment targets.');

/** The ways to select workloads exclude each other. */
export function oneAttachment<S extends z.ZodObject>(schema: S, ...fields: readonly (keyof S['shape'] & string)[]): S {
  return withRule(schema, {
    cel: `${celCount(...fields)} <= 1`,
    message: `only one of ${fields.join(', ')} may be set`,
    holds: (spec) => countSet(spec, fields) <= 1,
  });
}
