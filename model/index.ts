/**
 * Owns: the mesh as immutable values and the queries that resolve it: what a proxy is, sees and serves.
 * May import: api, graph.
 * Invariants: queries are pure (no I/O, clock, randomness or memory of the past); no query is keyed by (view, service),
 * views are composed of shared slices; a user's mistake is a StatusFact, never an exception; values name the user
 * resources they come from in `sources`; a reference that doesn't resolve never widens what is allowed.
 */
export { parseBlock } from './blocks.ts';
export { readCompositionKeys } from './composition.ts';
export { type AddressDemand, hostsToAllocate } from './discovery/allocation.ts';
export type { ServiceEndpoint } from './discovery/endpoints.ts';
export type { MeshName } from './discovery/names.ts';
export { parseProtocol } from './discovery/protocol.ts';
export type { MeshService } from './discovery/services.ts';
export { createMeshInputs, type MeshInputs, type MeshKind } from './inputs.ts';
export * from './keys.ts';
export { listenerRouteTable } from './outbound/listeners.ts';
export { isLeftOut } from './outbound/reach.ts';
export { isAnyAddress, type OwnPorts } from './ownports.ts';
export { renderProxyFacts } from './proxykeys.ts';
export { createMeshQueries, type MeshQueries } from './queries.ts';
export { renderStandIn } from './security/peerauthentication.ts';
export { matchesLabels } from './selection.ts';
export { resolveMeshSettings } from './settings.ts';
export type * from './types/index.ts';
