/** What an AuthorizationPolicy must be besides its schema. Source: the rules of Istio's admission. */
import type { Diagnostic, ObjectMeta } from '../resource.ts';
import { each, error, errorIf, type Path, warningIf } from '../schema/findings.ts';
import { checkBlock } from '../shared/addresses.ts';
import { checkAttachment } from '../shared/attachment.ts';
import type { AuthorizationPolicySpec, Operation, Rule, Source } from './authorizationpolicy.ts';
import { checkCondition } from './conditionchecks.ts';
import { checkAccounts, checkNotEmpty, checkPathTemplate, checkPortText, checkTrustDomain } from './valuechecks.ts';

type Action = NonNullable<AuthorizationPolicySpec['action']>;

export function checkAuthorizationPolicy(spec: AuthorizationPolicySpec, metadata: ObjectMeta): Diagnostic[] {
  const path: Path = ['spec'];
  const action = spec.action ?? 'ALLOW';
  return [
    ...checkAttachment(spec, path),
    ...checkAction(spec, action, path),
    ...checkDryRun(action, metadata),
    ...each(spec.rules, [...path, 'rules'], (rule, at) => checkRule(rule, at, action)),
  ];
}

/** DENY and CUSTOM without rules never apply; only CUSTOM asks a provider. */
function checkAction({ rules, provider }: AuthorizationPolicySpec, action: Action, path: Path): Diagnostic[] {
  const needsRules = action === 'DENY' || action === 'CUSTOM';
  return [
    ...errorIf(
      needsRules && rules === undefined,
      [...path, 'rules'],
      `are required for ${action}: {} matches everything`,
    ),
    ...errorIf(action === 'CUSTOM' && !provider?.name, [...path, 'provider', 'name'], 'is required for CUSTOM'),
    ...errorIf(action !== 'CUSTOM' && provider !== undefined, [...path, 'provider'], `cannot go with ${action}`),
  ];
}

const dryRunAnnotation = 'istio.io/dry-run';
const booleans = new Set(['1', 't', 'T', 'TRUE', 'true', 'True', '0', 'f', 'F', 'FALSE', 'false', 'False']);

function checkDryRun(action: Action, { annotations }: ObjectMeta): Diagnostic[] {
  const value = annotations?.[dryRunAnnotation];
  if (value === undefined) return [];
  const path: Path = ['metadata', 'annotations', dryRunAnnotation];
  if (action !== 'ALLOW' && action !== 'DENY') return [error(path, `cannot go with ${action}`)];
  return errorIf(!booleans.has(value), path, 'must be true or false');
}

function checkRule(rule: Rule, path: Path, action: Action): Diagnostic[] {
  return [
    ...errorIf(rule.from?.length === 0, [...path, 'from'], 'must not be empty'),
    ...each(rule.from, [...path, 'from'], ({ source }, at) =>
      source === undefined ? [error([...at, 'source'], 'is required')] : checkSource(source, [...at, 'source'], action),
    ),
    ...errorIf(rule.to?.length === 0, [...path, 'to'], 'must not be empty'),
    ...each(rule.to, [...path, 'to'], ({ operation }, at) =>
      operation === undefined
        ? [error([...at, 'operation'], 'is required')]
        : checkOperation(operation, [...at, 'operation']),
    ),
    ...each(rule.when, [...path, 'when'], (condition, at) => checkCondition(condition, at, action)),
    ...warningIf(
      action === 'DENY' && deniesAllTcp(rule),
      path,
      'names HTTP attributes only and denies all traffic to TCP ports: add ports',
    ),
  ];
}

/** Identities that an external authorizer is not told before the check. */
const unknownToProvider = [
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
  'trustDomains',
  'notTrustDomains',
  'principals',
  'notPrincipals',
  'requestPrincipals',
  'notRequestPrincipals',
] as const;

function checkSource(source: Source, path: Path, action: Action): Diagnostic[] {
  const values = Object.values(source).flatMap((list) => list ?? []);
  const list = (field: keyof Source, check: (text: string, at: Path) => readonly Diagnostic[]) =>
    each(source[field], [...path, field], (text, at) => (text === '' ? checkNotEmpty(text, at) : check(text, at)));
  const any = () => [];
  return [
    ...errorIf(values.length === 0, path, 'must not be empty'),
    ...(['principals', 'notPrincipals', 'requestPrincipals', 'notRequestPrincipals'] as const).flatMap((f) =>
      list(f, any),
    ),
    ...(['namespaces', 'notNamespaces'] as const).flatMap((field) => list(field, any)),
    ...(['serviceAccounts', 'notServiceAccounts'] as const).flatMap((field) => list(field, checkAccounts)),
    ...(['trustDomains', 'notTrustDomains'] as const).flatMap((field) => list(field, checkTrustDomain)),
    ...(['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const).flatMap((f) =>
      list(f, checkBlock),
    ),
    ...unknownToProvider.flatMap((field) =>
      errorIf(
        action === 'CUSTOM' && (source[field] ?? []).length > 0,
        [...path, field],
        'is not supported with CUSTOM',
      ),
    ),
  ];
}

function checkOperation(operation: Operation, path: Path): Diagnostic[] {
  const values = Object.values(operation).flatMap((list) => list ?? []);
  const list = (field: keyof Operation, check: (text: string, at: Path) => readonly Diagnostic[]) =>
    each(operation[field], [...path, field], (text, at) => (text === '' ? checkNotEmpty(text, at) : check(text, at)));
  const any = () => [];
  return [
    ...errorIf(values.length === 0, path, 'must not be empty'),
    ...(['hosts', 'notHosts', 'methods', 'notMethods'] as const).flatMap((field) => list(field, any)),
    ...(['ports', 'notPorts'] as const).flatMap((field) => list(field, checkPortText)),
    ...(['paths', 'notPaths'] as const).flatMap((field) => list(field, checkPathTemplate)),
  ];
}

const tcpSources = [
  'principals',
  'notPrincipals',
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
  'ipBlocks',
  'notIpBlocks',
  'remoteIpBlocks',
  'notRemoteIpBlocks',
] as const;

/** A DENY rule that a TCP port cannot evaluate denies there, so as never to let through what it meant. */
function deniesAllTcp(rule: Rule): boolean {
  const sources = (rule.from ?? []).flatMap(({ source }) => source ?? []);
  const operations = (rule.to ?? []).flatMap(({ operation }) => operation ?? []);
  const tcpSource = sources.some((source) => tcpSources.some((field) => source[field] !== undefined));
  const tcpOperation = operations.some(({ ports, notPorts }) => (ports ?? notPorts) !== undefined);
  return operations.length > 0 ? !tcpOperation : sources.length > 0 && !tcpSource;
}
