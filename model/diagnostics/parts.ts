import type { Query } from '#graph/types.ts';
import type { HostQueries } from '../discovery/hosts.ts';
import type { ServiceQueries } from '../discovery/services.ts';
import type { RuleQueries } from '../frontend/istio/destinationrules.ts';
import type { VirtualServiceQueries } from '../frontend/istio/virtualservices.ts';
import type { SecretQueries } from '../gateway/secrets.ts';
import type { MeshInputs } from '../inputs.ts';
import type { PortQueries } from '../outbound/ports.ts';
import type { NamespacePolicies } from '../security/peerauthentication.ts';
import type { EgressQueries } from '../sidecar/egress.ts';
import type { SidecarClaim } from '../sidecar/sidecars.ts';
import type { StatusFact } from '../types/facts.ts';
import type { MeshSettings } from '../types/settings.ts';

/** What diagnostics read. */
export interface DiagnosticParts {
  readonly inputs: MeshInputs;
  readonly settings: Query<MeshSettings>;
  readonly services: ServiceQueries;
  readonly hosts: HostQueries;
  readonly ports: PortQueries;
  readonly virtualServices: VirtualServiceQueries;
  readonly rules: RuleQueries;
  readonly secrets: SecretQueries;
  readonly peerPolicies: Query<NamespacePolicies>;
  readonly egress: EgressQueries;
  readonly sidecarClaims: Query<readonly SidecarClaim[]>;
}

export const unresolved = (path: string, message: string): StatusFact => ({ type: 'ResolvedRefs', path, message });
export const invalidRef = (path: string, message: string): StatusFact => ({ type: 'InvalidRef', path, message });
export const expiredRef = (path: string, message: string): StatusFact => ({ type: 'ExpiredRef', path, message });
export const earlyRef = (path: string, message: string): StatusFact => ({ type: 'EarlyRef', path, message });
export const notHonoured = (path: string, message: string): StatusFact => ({ type: 'NotHonoured', path, message });
export const conflicted = (path: string, message: string): StatusFact => ({ type: 'Conflicted', path, message });
