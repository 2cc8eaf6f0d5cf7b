/**
 * The small entry of wire/ that the agent carries into every pod: SDS and the name table over xDS, certificate requests.
 * Its descriptors are a few kilobytes built into the bundle; nothing is read from disk.
 * May import: what wire/index.ts may, but never that file.
 */
import { Codec } from './codec.ts';
import { descriptors } from './generated/agent.ts';
import type { MessageTypes } from './generated/index.d.ts';

export { type Any, typeUrl } from './codec.ts';

/** The messages the agent speaks. hack/descriptors reads this list; what they refer to comes along. */
export type AgentTypes = Pick<
  MessageTypes,
  | 'envoy.extensions.transport_sockets.tls.v3.Secret'
  | 'envoy.service.discovery.v3.DeltaDiscoveryRequest'
  | 'envoy.service.discovery.v3.DeltaDiscoveryResponse'
  | 'envoy.service.discovery.v3.DiscoveryRequest'
  | 'envoy.service.discovery.v3.DiscoveryResponse'
  | 'grpc.health.v1.HealthCheckRequest'
  | 'grpc.health.v1.HealthCheckResponse'
  | 'istio.networking.nds.v1.NameTable'
  | 'istio.v1.auth.IstioCertificateRequest'
  | 'istio.v1.auth.IstioCertificateResponse'
>;

export const codec = new Codec<AgentTypes>(Buffer.from(descriptors, 'base64'));
