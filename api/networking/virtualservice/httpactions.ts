/** What an HTTP route may do besides choosing a destination. */
import * as z from 'zod';
import { atMostOne, withFacts } from '../../schema/rule.ts';
import { double, duration, int32, nullable, stringMap, uint32, type Value } from '../../schema/vocabulary.ts';
import { StringMatch } from '../../shared/stringmatch.ts';

export const Percent = z.object({ value: double().optional().describe('Percentage from 0 to 100.') });
export type Percent = Value<typeof Percent>;

export const HeaderOperations = z.object({
  set: stringMap().optional().describe('Headers to write, replacing what is there.'),
  add: stringMap().optional().describe('Headers to append to.'),
  remove: z.array(z.string()).optional().describe('Headers to take away.'),
});
export type HeaderOperations = Value<typeof HeaderOperations>;

export const Headers = z.object({
  request: HeaderOperations.optional().describe('Changes before the request is forwarded.'),
  response: HeaderOperations.optional().describe('Changes before the response is returned.'),
});
export type Headers = Value<typeof Headers>;

export const HTTPRedirect = atMostOne(
  z.object({
    uri: z.string().optional().describe('New path.'),
    prefixRewrite: z.string().optional().describe('Replaces the matched prefix of the path.'),
    authority: z.string().optional().describe('New host.'),
    port: uint32().optional().describe('New port.'),
    derivePort: z
      .enum(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'])
      .optional()
      .describe('Where the port comes from when none is given.'),
    scheme: z.string().optional().describe('New scheme.'),
    redirectCode: uint32().optional().describe('Status code, 301 when absent.'),
  }),
  'port',
  'derivePort',
);
export type HTTPRedirect = Value<typeof HTTPRedirect>;

export const HTTPBody = atMostOne(
  z.object({
    string: z.string().optional().describe('Body as text.'),
    bytes: withFacts(z.string(), { format: 'byte' }).optional().describe('Body in base64.'),
  }),
  'string',
  'bytes',
);

export const HTTPDirectResponse = z.object({
  status: uint32().describe('Status code of the answer.'),
  body: HTTPBody.optional().describe('Body of the answer.'),
});
export type HTTPDirectResponse = Value<typeof HTTPDirectResponse>;

export const HTTPRewrite = z.object({
  uri: z.string().optional().describe('Replaces the matched path or prefix.'),
  authority: z.string().optional().describe('Replaces the host.'),
  uriRegexRewrite: z
    .object({
      match: z.string().optional().describe('RE2 expression applied to the path.'),
      rewrite: z.string().optional().describe('Replacement, with \\1 style references to groups.'),
    })
    .optional()
    .describe('Rewrites the path by a regular expression.'),
});
export type HTTPRewrite = Value<typeof HTTPRewrite>;

export const HTTPRetry = z.object({
  attempts: int32().optional().describe('How often to retry; 0 turns retries off.'),
  perTryTimeout: duration().optional().describe('Timeout of one attempt, the first included.'),
  retryOn: z.string().optional().describe("Conditions, Envoy's words separated by commas."),
  retryRemoteLocalities: nullable(z.boolean()).describe('Whether a retry may leave the locality.'),
  retryIgnorePreviousHosts: nullable(z.boolean()).describe('Whether a retry avoids hosts already tried.'),
  backoff: duration().optional().describe('Shortest wait between attempts.'),
});
export type HTTPRetry = Value<typeof HTTPRetry>;

export const CorsPolicy = z.object({
  allowOrigin: z.array(z.string()).optional().describe('Exact origins. Prefer allowOrigins.'),
  allowOrigins: z.array(StringMatch).optional().describe('Origins that may call.'),
  allowMethods: z.array(z.string()).optional().describe('Access-Control-Allow-Methods.'),
  allowHeaders: z.array(z.string()).optional().describe('Access-Control-Allow-Headers.'),
  exposeHeaders: z.array(z.string()).optional().describe('Access-Control-Expose-Headers.'),
  maxAge: duration().optional().describe('How long a preflight answer may be cached.'),
  allowCredentials: nullable(z.boolean()).describe('Whether calls may carry credentials.'),
  unmatchedPreflights: z
    .enum(['UNSPECIFIED', 'FORWARD', 'IGNORE'])
    .optional()
    .describe('What becomes of a preflight whose origin is not allowed.'),
});
export type CorsPolicy = Value<typeof CorsPolicy>;

const Delay = atMostOne(
  z.object({
    percent: int32().optional().describe('Whole percentage. Prefer percentage.'),
    percentage: Percent.optional().describe('Share of requests that are delayed.'),
    fixedDelay: duration().optional().describe('How long to hold the request.'),
    exponentialDelay: duration().optional().describe('Mean of an exponential delay; not supported by Envoy.'),
  }),
  'fixedDelay',
  'exponentialDelay',
);

const Abort = atMostOne(
  z.object({
    percentage: Percent.optional().describe('Share of requests that are aborted.'),
    httpStatus: int32().optional().describe('Status code to answer with.'),
    grpcStatus: z.string().optional().describe('gRPC status to answer with, by name.'),
    http2Error: z.string().optional().describe('HTTP/2 error code; not supported by Envoy.'),
  }),
  'httpStatus',
  'grpcStatus',
  'http2Error',
);

export const HTTPFaultInjection = z.object({
  delay: Delay.optional().describe('Hold requests back.'),
  abort: Abort.optional().describe('Answer requests with an error.'),
});
export type HTTPFaultInjection = Value<typeof HTTPFaultInjection>;
