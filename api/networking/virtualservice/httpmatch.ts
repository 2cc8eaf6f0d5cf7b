import * as z from 'zod';
import { stringMap, uint32, type Value } from '../../schema/vocabulary.ts';
import { StringMatch, stringMatchMap } from '../../shared/stringmatch.ts';

/** Conditions of one HTTP match; all that are given must hold. */
export const HTTPMatchRequest = z.object({
  name: z.string().optional().describe('Name of the match, shown after the route name in logs.'),
  uri: StringMatch.optional().describe('Path of the request, without the query.'),
  scheme: StringMatch.optional().describe('Scheme of the request.'),
  method: StringMatch.optional().describe('HTTP method.'),
  authority: StringMatch.optional().describe('Host header or :authority.'),
  headers: stringMatchMap().optional().describe('Headers by lower-case name; an empty match asks for presence only.'),
  port: uint32().optional().describe('Port that the request addresses.'),
  sourceLabels: stringMap().optional().describe('Labels of the workloads the rule is meant for.'),
  gateways: z
    .array(z.string())
    .optional()
    .describe('Gateways the match is limited to; replaces the list of the resource.'),
  queryParams: stringMatchMap().optional().describe('Query parameters by name.'),
  ignoreUriCase: z.boolean().optional().describe('Compare the path without regard to case; not for regex.'),
  withoutHeaders: stringMatchMap().optional().describe('Headers that must not match.'),
  sourceNamespace: z.string().optional().describe('Namespace of the workloads the rule is meant for.'),
  statPrefix: z.string().optional().describe('Prefix of the statistics of this route.'),
});
export type HTTPMatchRequest = Value<typeof HTTPMatchRequest>;
