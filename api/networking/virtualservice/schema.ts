import * as z from 'zod';
import { duration, int32, nullable, stringMap, uint32, type Value } from '../../schema/vocabulary.ts';
import { Destination } from '../destination.ts';
import {
  CorsPolicy,
  Headers,
  HTTPDirectResponse,
  HTTPFaultInjection,
  HTTPRedirect,
  HTTPRetry,
  HTTPRewrite,
  Percent,
} from './httpactions.ts';
import { HTTPMatchRequest } from './httpmatch.ts';

export const HTTPRouteDestination = z.object({
  destination: Destination.describe('Where this share of the requests goes.'),
  weight: int32().optional().describe('Share relative to the sum of all weights of the route.'),
  headers: Headers.optional().describe('Header changes for this destination only.'),
});
export type HTTPRouteDestination = Value<typeof HTTPRouteDestination>;

const HTTPMirrorPolicy = z.object({
  destination: Destination.describe('Where the copies go.'),
  percentage: Percent.optional().describe('Share of requests that are copied; all when absent.'),
});

export const HTTPRoute = z.object({
  name: z.string().optional().describe('Name of the route, shown in access logs.'),
  match: z
    .array(HTTPMatchRequest)
    .optional()
    .describe('Conditions; one of them must hold. Everything matches when absent.'),
  route: z.array(HTTPRouteDestination).optional().describe('Destinations by weight.'),
  redirect: HTTPRedirect.optional().describe('Answer with a redirect instead of forwarding.'),
  directResponse: HTTPDirectResponse.optional().describe('Answer directly instead of forwarding.'),
  delegate: z
    .object({
      name: z.string().optional().describe('Name of the VirtualService.'),
      namespace: z.string().optional().describe('Its namespace; the own one when absent.'),
    })
    .optional()
    .describe('Another VirtualService that holds the routes below this match.'),
  rewrite: HTTPRewrite.optional().describe('Change path or host before forwarding.'),
  timeout: duration().optional().describe('How long the whole request may take.'),
  retries: HTTPRetry.optional().describe('Retry policy.'),
  fault: HTTPFaultInjection.optional().describe('Faults to inject.'),
  mirror: Destination.optional().describe('One more destination that gets a copy of each request.'),
  mirrorPercent: nullable(uint32()).describe('Whole percentage to mirror. Prefer mirrorPercentage.'),
  mirror_percent: nullable(uint32()).describe('Older spelling of mirrorPercent.'),
  mirrorPercentage: Percent.optional().describe('Share of requests that are mirrored.'),
  mirrors: z.array(HTTPMirrorPolicy).optional().describe('Several mirrors, each with its share.'),
  corsPolicy: CorsPolicy.optional().describe('Cross-origin policy.'),
  headers: Headers.optional().describe('Header changes for every destination.'),
});
export type HTTPRoute = Value<typeof HTTPRoute>;

export const RouteDestination = z.object({
  destination: Destination.describe('Where this share of the connections goes.'),
  weight: int32().optional().describe('Share relative to the sum of all weights of the route.'),
});
export type RouteDestination = Value<typeof RouteDestination>;

const connectionMatch = {
  destinationSubnets: z.array(z.string()).optional().describe('Addresses or CIDR blocks that the connection goes to.'),
  port: uint32().optional().describe('Port that the connection goes to.'),
  sourceLabels: stringMap().optional().describe('Labels of the workloads the rule is meant for.'),
  gateways: z.array(z.string()).optional().describe('Gateways the match is limited to.'),
  sourceNamespace: z.string().optional().describe('Namespace of the workloads the rule is meant for.'),
};

export const TLSMatchAttributes = z.object({
  sniHosts: z.array(z.string()).describe('Server names; each must be within the hosts of the resource.'),
  ...connectionMatch,
});
export type TLSMatchAttributes = Value<typeof TLSMatchAttributes>;

export const L4MatchAttributes = z.object({
  ...connectionMatch,
  sourceSubnet: z.string().optional().describe('No longer used.'),
});
export type L4MatchAttributes = Value<typeof L4MatchAttributes>;

export const TLSRoute = z.object({
  match: z.array(TLSMatchAttributes).describe('Conditions; one of them must hold.'),
  route: z.array(RouteDestination).optional().describe('Destinations by weight.'),
});
export type TLSRoute = Value<typeof TLSRoute>;

export const TCPRoute = z.object({
  match: z.array(L4MatchAttributes).optional().describe('Conditions; one of them must hold.'),
  route: z.array(RouteDestination).optional().describe('Destinations by weight.'),
});
export type TCPRoute = Value<typeof TCPRoute>;

export const VirtualServiceSpec = z.object({
  hosts: z
    .array(z.string())
    .optional()
    .describe('Hosts that the rules are about: service names, DNS names or wildcards.'),
  gateways: z
    .array(z.string())
    .optional()
    .describe(
      'Gateways that get the rules, as name or namespace/name; `mesh` stands for all sidecars and is the default.',
    ),
  http: z.array(HTTPRoute).optional().describe('Routes for HTTP, the first match wins.'),
  tls: z.array(TLSRoute).optional().describe('Routes for TLS that is passed through, by server name.'),
  tcp: z.array(TCPRoute).optional().describe('Routes for other TCP connections.'),
  exportTo: z.array(z.string()).optional().describe('Namespaces that see the rules: names, `.` or `*`.'),
});
export type VirtualServiceSpec = Value<typeof VirtualServiceSpec>;
