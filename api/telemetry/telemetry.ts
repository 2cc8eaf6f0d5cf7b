import * as z from 'zod';
import { atMostOne, withRule } from '../schema/rule.ts';
import { double, duration, nullable, type Value } from '../schema/vocabulary.ts';
import { oneAttachment, policySelector, targetRef, targetRefs } from '../shared/selector.ts';

const mode = () => z.enum(['CLIENT_AND_SERVER', 'CLIENT', 'SERVER']).optional().describe('Which side of the call.');
const Match = z.object({ mode: mode() });
const providers = () =>
  z
    .array(z.object({ name: z.string().min(1).describe('Name of an extension provider.') }))
    .optional()
    .describe('Where the data goes; the default providers when absent.');

const CustomTag = atMostOne(
  z.object({
    literal: z
      .object({ value: z.string().min(1).describe('The value.') })
      .optional()
      .describe('A fixed value.'),
    environment: z
      .object({
        name: z.string().min(1).describe('Name of the variable.'),
        defaultValue: z.string().optional().describe('Value when it is not set.'),
      })
      .optional()
      .describe('A variable of the proxy’s environment.'),
    header: z
      .object({
        name: z.string().min(1).describe('Name of the header.'),
        defaultValue: z.string().optional().describe('Value when it is absent.'),
      })
      .optional()
      .describe('A header of the request.'),
    formatter: z
      .object({ value: z.string().min(1).describe('Format string with command operators.') })
      .optional()
      .describe('A value computed by Envoy’s formatter.'),
  }),
  'literal',
  'environment',
  'header',
  'formatter',
);

export const Tracing = z.object({
  match: Match.optional().describe('Traffic that this is for.'),
  providers: providers(),
  randomSamplingPercentage: nullable(double().min(0).max(100)).describe('Share of requests that are traced.'),
  disableSpanReporting: nullable(z.boolean()).describe('Propagate context but report no spans.'),
  customTags: z.record(z.string(), CustomTag).optional().describe('Tags added to each span.'),
  useRequestIdForTraceSampling: nullable(z.boolean()).describe('Decide sampling by x-request-id.'),
  enableIstioTags: nullable(z.boolean()).describe('Whether the standard mesh tags are added.'),
  disableContextPropagation: nullable(z.boolean()).describe('Do not send trace context upstream.'),
});
export type Tracing = Value<typeof Tracing>;

const TagOverride = withRule(
  withRule(
    z.object({
      operation: z.enum(['UPSERT', 'REMOVE']).optional().describe('Add or replace, or remove.'),
      value: z.string().optional().describe('CEL expression of the value, for UPSERT.'),
    }),
    {
      cel: '((has(self.operation) ? self.operation : "") == "UPSERT") ? (has(self.value) && self.value != "") : true',
      message: 'UPSERT needs a value',
      holds: (override) => override.operation !== 'UPSERT' || (override.value ?? '') !== '',
    },
  ),
  {
    cel: '((has(self.operation) ? self.operation : "") == "REMOVE") ? !has(self.value) : true',
    message: 'REMOVE takes no value',
    holds: (override) => override.operation !== 'REMOVE' || override.value === undefined,
  },
);

const MetricSelector = atMostOne(
  z.object({
    metric: z
      .enum([
        'ALL_METRICS',
        'REQUEST_COUNT',
        'REQUEST_DURATION',
        'REQUEST_SIZE',
        'RESPONSE_SIZE',
        'TCP_OPENED_CONNECTIONS',
        'TCP_CLOSED_CONNECTIONS',
        'TCP_SENT_BYTES',
        'TCP_RECEIVED_BYTES',
        'GRPC_REQUEST_MESSAGES',
        'GRPC_RESPONSE_MESSAGES',
      ])
      .optional()
      .describe('A standard metric.'),
    customMetric: z.string().min(1).optional().describe('A metric by name.'),
    mode: mode(),
  }),
  'metric',
  'customMetric',
);

export const Metrics = z.object({
  providers: providers(),
  overrides: z
    .array(
      z.object({
        match: MetricSelector.optional().describe('Metrics that this is for.'),
        disabled: nullable(z.boolean()).describe('Do not record them.'),
        tagOverrides: z.record(z.string(), TagOverride).optional().describe('Changes of tags by name.'),
      }),
    )
    .optional()
    .describe('Changes to metrics, in order.'),
  reportingInterval: duration().optional().describe('Time between reports of open TCP connections.'),
});
export type Metrics = Value<typeof Metrics>;

export const AccessLogging = z.object({
  match: Match.optional().describe('Traffic that this is for.'),
  providers: providers(),
  disabled: nullable(z.boolean()).describe('Write no log for this traffic.'),
  filter: z
    .object({ expression: z.string().optional().describe('CEL expression; what it is true for is logged.') })
    .optional()
    .describe('Which requests are logged.'),
});
export type AccessLogging = Value<typeof AccessLogging>;

export const TelemetrySpec = oneAttachment(
  z.object({
    selector: policySelector(),
    targetRef: targetRef(),
    targetRefs: targetRefs(),
    tracing: z.array(Tracing).optional().describe('Tracing.'),
    metrics: z.array(Metrics).optional().describe('Metrics.'),
    accessLogging: z.array(AccessLogging).optional().describe('Access logs.'),
  }),
  'selector',
  'targetRef',
  'targetRefs',
);
export type TelemetrySpec = Value<typeof TelemetrySpec>;
