import * as z from 'zod';
import { withRule } from '../schema/rule.ts';
import type { Value } from '../schema/vocabulary.ts';
import { oneAttachment, policySelector, targetRef, targetRefs } from '../shared/selector.ts';

const strings = (text: string) => z.array(z.string()).optional().describe(text);
const accounts = (text: string) => z.array(z.string().max(320)).max(16).optional().describe(text);

export const Source = withRule(
  z.object({
    principals: strings('Identities from the peer certificate, as trust-domain/ns/namespace/sa/account.'),
    notPrincipals: strings('Identities that do not match.'),
    requestPrincipals: strings('Identities from the token, as issuer/subject.'),
    notRequestPrincipals: strings('Token identities that do not match.'),
    namespaces: strings('Namespaces of the peer.'),
    notNamespaces: strings('Namespaces that do not match.'),
    serviceAccounts: accounts('Service accounts of the peer, as account or namespace/account.'),
    notServiceAccounts: accounts('Service accounts that do not match.'),
    ipBlocks: strings('Addresses of the connection.'),
    notIpBlocks: strings('Addresses that do not match.'),
    remoteIpBlocks: strings('Addresses of the original client.'),
    notRemoteIpBlocks: strings('Client addresses that do not match.'),
    trustDomains: strings('Trust domains of the peer.'),
    notTrustDomains: strings('Trust domains that do not match.'),
  }),
  {
    cel: '(has(self.serviceAccounts) || has(self.notServiceAccounts)) ? (!has(self.principals) && !has(self.notPrincipals) && !has(self.namespaces) && !has(self.notNamespaces)) : true',
    message: 'serviceAccounts cannot be combined with principals or namespaces',
    holds: (source) =>
      (source.serviceAccounts ?? source.notServiceAccounts) === undefined ||
      (source.principals ?? source.notPrincipals ?? source.namespaces ?? source.notNamespaces) === undefined,
  },
);
export type Source = Value<typeof Source>;

export const Operation = z.object({
  hosts: strings('Hosts of the request, without regard to case.'),
  notHosts: strings('Hosts that do not match.'),
  ports: strings('Ports of the workload.'),
  notPorts: strings('Ports that do not match.'),
  methods: strings('HTTP methods.'),
  notMethods: strings('Methods that do not match.'),
  paths: strings('Paths, with * at either end or {*} and {**} inside.'),
  notPaths: strings('Paths that do not match.'),
});
export type Operation = Value<typeof Operation>;

export const Condition = z.object({
  key: z.string().describe('Attribute, such as request.headers[name] or source.ip.'),
  values: strings('Values of which one must match.'),
  notValues: strings('Values of which none may match.'),
});

export const Rule = z.object({
  from: z
    .array(z.object({ source: Source.optional().describe('Who calls.') }))
    .max(512)
    .optional()
    .describe('Callers; one must match. Everyone when absent.'),
  to: z
    .array(z.object({ operation: Operation.optional().describe('What is called.') }))
    .optional()
    .describe('Operations; one must match. Everything when absent.'),
  when: z.array(Condition).optional().describe('Conditions; all must hold.'),
});
export type Rule = Value<typeof Rule>;

export const AuthorizationPolicySpec = oneAttachment(
  z.object({
    selector: policySelector(),
    targetRef: targetRef(),
    targetRefs: targetRefs(),
    rules: z.array(Rule).max(512).optional().describe('Rules; one must match. Nothing matches when absent.'),
    action: z
      .enum(['ALLOW', 'DENY', 'AUDIT', 'CUSTOM'])
      .optional()
      .describe('What a match means; ALLOW is the default.'),
    provider: z
      .object({ name: z.string().optional().describe('Name of an extension provider in the mesh configuration.') })
      .optional()
      .describe('Who decides, for CUSTOM.'),
  }),
  'selector',
  'targetRef',
  'targetRefs',
);
export type AuthorizationPolicySpec = Value<typeof AuthorizationPolicySpec>;
