import * as z from 'zod';
import { flag, text } from './scalars.ts';

export const ForwardClientCertDetails = z.enum([
  'UNDEFINED',
  'SANITIZE',
  'FORWARD_ONLY',
  'APPEND_FORWARD',
  'SANITIZE_SET',
  'ALWAYS_FORWARD_ONLY',
]);

const disabled = () => z.object({ disabled: flag() }).optional();
const enabled = () => z.object({ enabled: flag() }).optional();

export const ProxyHeaders = z.object({
  forwardedClientCert: ForwardClientCertDetails.optional().describe('X-Forwarded-Client-Cert.'),
  setCurrentClientCertDetails: z
    .object({ subject: flag(), cert: flag(), chain: flag(), dns: flag(), uri: flag() })
    .optional()
    .describe('What X-Forwarded-Client-Cert says about the peer.'),
  requestId: disabled().describe('X-Request-Id.'),
  server: z.object({ disabled: flag(), value: text() }).optional().describe('The server header.'),
  attemptCount: disabled().describe('X-Envoy-Attempt-Count.'),
  envoyDebugHeaders: disabled().describe('The x-envoy- headers for debugging.'),
  metadataExchangeHeaders: z
    .object({ mode: z.enum(['UNDEFINED', 'IN_MESH']).optional() })
    .optional()
    .describe('Headers by which peers tell who they are.'),
  preserveHttp1HeaderCase: flag().describe('Keep the letters of header names as they came.'),
  xForwardedHost: enabled().describe('X-Forwarded-Host.'),
  xForwardedPort: enabled().describe('X-Forwarded-Port.'),
});
