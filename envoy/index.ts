/**
 * Owns: how resolved values are spelled as Envoy's messages; every name that we give anything in Envoy. `bootstrap/` is an
 * entry of its own, for the agent.
 * May import: model (types), wire.
 * Invariants: pure functions, one value in, one message out; nothing is decided here, and nothing names an extension that
 * stock Envoy lacks.
 */
export { buildCluster } from './cluster.ts';
export { buildLoadAssignment } from './endpoint.ts';
export { BLACK_HOLE, buildGrpcCluster, buildGrpcListener, buildGrpcRouteTable } from './grpc.ts';
export { buildListener } from './listener.ts';
export { buildNameTable } from './name-table.ts';
export { KUBERNETES_SECRET_PREFIX, renderClusterName, renderVirtualHostName } from './names.ts';
export {
  buildNamelessVirtualHost,
  buildRouteTable,
  buildRouteTableHead,
  buildSplitRouteTable,
  renderSplitHostName,
  VIRTUAL_HOST_NAME_FIELD,
  VIRTUAL_HOSTS_FIELD,
} from './route-table.ts';
export { buildCertificateSecret, buildRootsSecret } from './secret.ts';
export type { AccessLogSettings, ListenerSettings } from './settings.ts';
