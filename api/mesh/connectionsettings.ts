import * as z from 'zod';
import { int32 } from '../schema/vocabulary.ts';
import { durationOrZero, flag } from './scalars.ts';

const count = () => int32().optional();

export const ConnectionSettings = z.object({
  profile: z.enum(['SIDECAR', 'EDGE']).optional().describe('Set of defaults.'),
  listenerPerConnectionBufferLimitBytes: count().describe('Read buffer of a downstream connection.'),
  clusterPerConnectionBufferLimitBytes: count().describe('Read buffer of an upstream connection.'),
  httpIdleTimeout: durationOrZero().describe('A connection without requests for this long is closed.'),
  httpMaxConnectionDuration: durationOrZero().describe('Longest life of a connection.'),
  httpDrainTimeout: durationOrZero().describe('Time between the two GOAWAY frames.'),
  httpRequestTimeout: durationOrZero().describe('How long receiving a request may take.'),
  httpRequestHeadersTimeout: durationOrZero().describe('How long receiving the headers may take.'),
  httpStreamIdleTimeout: durationOrZero().describe('A stream without data for this long is reset.'),
  httpMaxStreamDuration: durationOrZero().describe('Longest life of a stream.'),
  httpMaxConcurrentStreams: count().describe('Most streams of one HTTP/2 connection.'),
  http2InitialStreamWindowSize: count().describe('Flow control window of a stream.'),
  http2InitialConnectionWindowSize: count().describe('Flow control window of a connection.'),
  httpHeadersWithUnderscoresAction: z
    .enum([
      'HEADERS_WITH_UNDERSCORES_UNSPECIFIED',
      'HEADERS_WITH_UNDERSCORES_ALLOW',
      'HEADERS_WITH_UNDERSCORES_REJECT_REQUEST',
      'HEADERS_WITH_UNDERSCORES_DROP_HEADER',
    ])
    .optional()
    .describe('What becomes of headers with underscores.'),
  httpMergeSlashes: flag().describe('Merge adjacent slashes in the path.'),
  httpPathWithEscapedSlashesAction: z
    .enum([
      'PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED',
      'KEEP_UNCHANGED',
      'REJECT_REQUEST',
      'UNESCAPE_AND_REDIRECT',
      'UNESCAPE_AND_FORWARD',
    ])
    .optional()
    .describe('What becomes of escaped slashes in the path.'),
  listenerConnectionLimit: count().describe('Most connections of a listener.'),
  globalDownstreamConnectionLimit: count().describe('Most downstream connections of the proxy.'),
});
