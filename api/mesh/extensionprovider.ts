/** Services that policies and telemetry refer to by name. */
import * as z from 'zod';
import { atMostOne } from '../schema/rule.ts';
import { int32, preserved, stringMap, uint32, type Value } from '../schema/vocabulary.ts';
import { durationOrZero, empty, flag, text, texts } from './scalars.ts';
import { traceContext } from './tracing.ts';

const service = {
  service: text().describe('Host of the service, with an optional namespace/ before it.'),
  port: uint32().optional().describe('Port of the service.'),
};
const tagged = { ...service, maxTagLength: uint32().optional().describe('Longest value of a tag.') };

const HttpHeader = z.object({
  name: text().describe('Name of the header.'),
  value: text().describe('Its value.'),
  envName: text().describe('Variable of istiod’s environment that holds the value.'),
});
const HttpService = z.object({
  path: text().describe('Path of the endpoint.'),
  timeout: durationOrZero().describe('How long a request may take.'),
  headers: z.array(HttpHeader).optional().describe('Headers to send.'),
});

const requestBody = () =>
  z
    .object({ maxRequestBytes: uint32().optional(), allowPartialMessage: flag(), packAsBytes: flag() })
    .optional()
    .describe('How much of the body the check sees.');

const extAuthz = {
  ...service,
  timeout: durationOrZero().describe('How long a check may take.'),
  failOpen: flag().describe('Let requests pass when the service fails.'),
  clearRouteCache: flag().describe('Choose the route again after the check.'),
  statusOnError: text().describe('Status code when the service fails.'),
  includeRequestBodyInCheck: requestBody(),
};

const EnvoyExtAuthzHttp = z.object({
  ...extAuthz,
  pathPrefix: text().describe('Put before the path of the check.'),
  includeHeadersInCheck: texts().describe('Prefer includeRequestHeadersInCheck.'),
  includeRequestHeadersInCheck: texts().describe('Headers that the check sees.'),
  includeAdditionalHeadersInCheck: stringMap().optional().describe('Headers added to the check.'),
  headersToUpstreamOnAllow: texts().describe('Headers of the answer that go on to the workload.'),
  headersToDownstreamOnDeny: texts().describe('Headers of the answer that the client sees on denial.'),
  headersToDownstreamOnAllow: texts().describe('Headers of the answer that the client sees otherwise.'),
});

const Zipkin = z.object({
  ...tagged,
  enable64bitTraceId: flag().describe('Use short trace ids.'),
  path: text().describe('Path of the collector.'),
  traceContextOption: z
    .enum(['USE_B3', 'USE_B3_WITH_W3C_PROPAGATION'])
    .optional()
    .describe('Headers that carry the context.'),
  timeout: durationOrZero().describe('How long sending may take.'),
  headers: z.array(HttpHeader).optional().describe('Headers to send.'),
});

const OpenTelemetry = z.object({
  ...tagged,
  http: HttpService.optional().describe('Send over HTTP.'),
  grpc: z
    .object({ timeout: durationOrZero(), initialMetadata: z.array(HttpHeader).optional() })
    .optional()
    .describe('Send over gRPC, with these settings.'),
  resourceDetectors: z
    .object({ environment: empty(), dynatrace: empty() })
    .optional()
    .describe('Where resource attributes come from.'),
  serviceAttributeEnrichment: z
    .enum(['ISTIO_CANONICAL', 'OTEL_SEMANTIC_CONVENTIONS'])
    .optional()
    .describe('How the service is named.'),
  dynatraceSampler: z
    .object({
      tenant: text(),
      clusterId: int32().optional(),
      rootSpansPerMinute: uint32().optional(),
      httpService: z.object({ ...service, http: HttpService.optional() }).optional(),
    })
    .optional()
    .describe('Let Dynatrace decide what is sampled.'),
});

const logFormat = () =>
  z
    .object({
      text: text().describe('Format string.'),
      labels: preserved().optional().describe('Format strings by name; the log is JSON.'),
    })
    .optional()
    .describe('What a log line looks like.');

const tcpLog = {
  ...service,
  logName: text().describe('Name of the log.'),
  filterStateObjectsToLog: texts().describe('Filter state to send along.'),
};

const Stackdriver = z.object({
  debug: flag(),
  maxNumberOfAttributes: int32().optional(),
  maxNumberOfAnnotations: int32().optional(),
  maxNumberOfMessageEvents: int32().optional(),
  maxTagLength: uint32().optional(),
  logging: z.object({ labels: stringMap().optional() }).optional(),
});

const providers = {
  envoyExtAuthzHttp: EnvoyExtAuthzHttp.optional().describe('External authorization over HTTP.'),
  envoyExtAuthzGrpc: z.object(extAuthz).optional().describe('External authorization over gRPC.'),
  zipkin: Zipkin.optional().describe('Zipkin tracing.'),
  lightstep: z
    .object({ ...tagged, accessToken: text() })
    .optional()
    .describe('Not in stock Envoy.'),
  datadog: z.object(tagged).optional().describe('Datadog tracing.'),
  stackdriver: Stackdriver.optional().describe('Not in stock Envoy.'),
  opencensus: z
    .object({ ...tagged, context: z.array(traceContext()).optional() })
    .optional()
    .describe('Not in stock Envoy.'),
  skywalking: z
    .object({ ...service, accessToken: text() })
    .optional()
    .describe('SkyWalking tracing.'),
  opentelemetry: OpenTelemetry.optional().describe('OpenTelemetry tracing.'),
  prometheus: empty().describe('Prometheus metrics.'),
  envoyFileAccessLog: z
    .object({ path: text(), logFormat: logFormat(), omitEmptyValues: flag() })
    .optional()
    .describe('Access log to a file.'),
  envoyHttpAls: z
    .object({
      ...tcpLog,
      additionalRequestHeadersToLog: texts(),
      additionalResponseHeadersToLog: texts(),
      additionalResponseTrailersToLog: texts(),
    })
    .optional()
    .describe('HTTP access log over gRPC.'),
  envoyTcpAls: z.object(tcpLog).optional().describe('TCP access log over gRPC.'),
  envoyOtelAls: z
    .object({ ...service, logName: text(), logFormat: logFormat() })
    .optional()
    .describe('Access log over OpenTelemetry.'),
  sds: z
    .object({ name: text(), ...service })
    .optional()
    .describe('A secret discovery service.'),
};

/** Names of the provider variants, of which each entry has one. */
export const providerNames = Object.keys(providers) as readonly (keyof typeof providers)[];

export const ExtensionProvider = atMostOne(
  z.object({ name: text().describe('Name by which it is referred to.'), ...providers }),
  ...providerNames,
);
export type ExtensionProvider = Value<typeof ExtensionProvider>;
