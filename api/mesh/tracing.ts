import * as z from 'zod';
import { ClientTLSSettings } from '../networking/destinationrule/schema.ts';
import { atMostOne } from '../schema/rule.ts';
import { double, int32, uint32, type Value } from '../schema/vocabulary.ts';
import { flag, text } from './scalars.ts';

export const traceContext = () => z.enum(['UNSPECIFIED', 'W3C_TRACE_CONTEXT', 'GRPC_BIN', 'CLOUD_TRACE_CONTEXT', 'B3']);

const fallbackTag = () => z.object({ name: text(), defaultValue: text() }).optional();

const CustomTag = atMostOne(
  z.object({
    literal: z.object({ value: text() }).optional().describe('A fixed value.'),
    environment: fallbackTag().describe('A variable of the proxy’s environment.'),
    header: fallbackTag().describe('A header of the request.'),
  }),
  'literal',
  'environment',
  'header',
);

const address = { address: text().describe('Host and port of the collector.') };

/** Tracing in the proxy configuration; Telemetry and extension providers are the newer way. */
export const Tracing = atMostOne(
  z.object({
    zipkin: z.object(address).optional().describe('Send spans to Zipkin.'),
    lightstep: z
      .object({ ...address, accessToken: text() })
      .optional()
      .describe('Not in stock Envoy.'),
    datadog: z.object(address).optional().describe('Send spans to Datadog.'),
    stackdriver: z
      .object({
        debug: flag(),
        maxNumberOfAttributes: int32().optional(),
        maxNumberOfAnnotations: int32().optional(),
        maxNumberOfMessageEvents: int32().optional(),
      })
      .optional()
      .describe('Not in stock Envoy.'),
    openCensusAgent: z
      .object({ ...address, context: z.array(traceContext()).optional() })
      .optional()
      .describe('Not in stock Envoy.'),
    customTags: z.record(z.string(), CustomTag).optional().describe('Tags added to each span.'),
    maxPathTagLength: uint32().optional().describe('Longest path in the http.url tag.'),
    sampling: double().optional().describe('Share of requests that are traced, from 0 to 100.'),
    tlsSettings: ClientTLSSettings.optional().describe('TLS towards the collector.'),
    enableIstioTags: flag().describe('Whether the standard mesh tags are added.'),
  }),
  'zipkin',
  'lightstep',
  'datadog',
  'stackdriver',
  'openCensusAgent',
);
export type MeshTracing = Value<typeof Tracing>;
