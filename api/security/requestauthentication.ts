import * as z from 'zod';
import { celCount, countSet, withRule } from '../schema/rule.ts';
import { duration, type Value } from '../schema/vocabulary.ts';
import { oneAttachment, policySelector, targetRef, targetRefs } from '../shared/selector.ts';

const jwksUri = () =>
  withRule(z.string().min(1).max(2048), {
    cel: 'url(self).getScheme() in ["http", "https"]',
    message: 'must be an http or https URL',
    holds: (text) => ['http:', 'https:'].includes(URL.parse(text)?.protocol ?? ''),
  });

const fields = z.object({
  issuer: z.string().min(1).optional().describe('Issuer (iss) of the token.'),
  audiences: z.array(z.string().min(1)).optional().describe('Audiences (aud) of which the token must name one.'),
  jwksUri: jwksUri().optional().describe('Where the keys of the issuer are.'),
  jwks_uri: jwksUri().optional().describe('Older spelling of jwksUri.'),
  jwks: z.string().optional().describe('The keys themselves, as JSON.'),
  fromHeaders: z
    .array(
      z.object({
        name: z.string().min(1).describe('Name of the header.'),
        prefix: z.string().optional().describe('Text before the token, such as "Bearer ".'),
      }),
    )
    .optional()
    .describe('Headers that may hold the token.'),
  fromParams: z.array(z.string().min(1)).optional().describe('Query parameters that may hold the token.'),
  fromCookies: z.array(z.string().min(1)).optional().describe('Cookies that may hold the token.'),
  outputPayloadToHeader: z.string().optional().describe('Header that gets the payload in base64url.'),
  forwardOriginalToken: z.boolean().optional().describe('Pass the token on.'),
  outputClaimToHeaders: z
    .array(
      z.object({
        header: z
          .string()
          .min(1)
          .regex(/^[-_A-Za-z0-9]+$/)
          .describe('Name of the header.'),
        claim: z.string().min(1).describe('Name of the claim; nested ones with dots.'),
      }),
    )
    .optional()
    .describe('Claims that are copied to headers.'),
  timeout: duration().optional().describe('How long fetching the keys may take.'),
  presence: z.enum(['OPTIONAL', 'REQUIRED']).optional().describe('Whether a request without the token is refused.'),
  spaceDelimitedClaims: z
    .array(z.string().min(1))
    .max(64)
    .optional()
    .describe('Claims that hold a list separated by spaces.'),
});

export const JWTRule = withRule(fields, {
  cel: `${celCount('jwksUri', 'jwks_uri', 'jwks')} <= 1`,
  message: 'only one of jwks and jwksUri may be set',
  holds: (rule) => countSet(rule, ['jwksUri', 'jwks_uri', 'jwks']) <= 1,
});
export type JWTRule = Value<typeof JWTRule>;

export const RequestAuthenticationSpec = oneAttachment(
  z.object({
    selector: policySelector(),
    targetRef: targetRef(),
    targetRefs: targetRefs(),
    jwtRules: z.array(JWTRule).max(4096).optional().describe('Issuers whose tokens are accepted.'),
  }),
  'selector',
  'targetRef',
  'targetRefs',
);
export type RequestAuthenticationSpec = Value<typeof RequestAuthenticationSpec>;
