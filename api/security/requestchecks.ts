/** What a RequestAuthentication must be besides its schema. Source: the rules of Istio's admission. */
import type { Diagnostic } from '../resource.ts';
import { each, errorIf, type Path, warningIf } from '../schema/findings.ts';
import { checkAttachment } from '../shared/attachment.ts';
import type { JWTRule, RequestAuthenticationSpec } from './requestauthentication.ts';

export function checkRequestAuthentication(spec: RequestAuthenticationSpec): Diagnostic[] {
  return [...checkAttachment(spec, ['spec']), ...each(spec.jwtRules, ['spec', 'jwtRules'], checkJwtRule)];
}

function checkJwtRule(rule: JWTRule, path: Path): Diagnostic[] {
  const uri = rule.jwksUri ?? rule.jwks_uri;
  return [
    ...errorIf(!rule.issuer && !uri, path, 'one of issuer and jwksUri is required'),
    ...(rule.jwks ? checkKeys(rule.jwks, [...path, 'jwks']) : []),
  ];
}

/** Members that only a private or symmetric key has (RFC 7518). */
const privateMembers = ['d', 'k'];

/** A JSON Web Key Set, or a single key. */
function checkKeys(jwks: string, path: Path): Diagnostic[] {
  const keys = parseKeys(jwks);
  return [
    ...errorIf(keys === undefined, path, 'is no JSON Web Key Set'),
    ...(keys ?? []).flatMap((key, index) =>
      warningIf(
        privateMembers.some((member) => member in key),
        path,
        `the key at index ${index} holds its private part: only public keys are needed`,
      ),
    ),
  ];
}

function parseKeys(text: string): object[] | undefined {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const keys: unknown = 'keys' in value ? value.keys : [value];
  return Array.isArray(keys) && keys.every(isKey) ? keys : undefined;
}

function isKey(key: unknown): key is object {
  return typeof key === 'object' && key !== null && 'kty' in key && typeof key.kty === 'string';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
