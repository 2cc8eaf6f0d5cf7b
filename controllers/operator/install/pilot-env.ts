import { isObject, type JsonObject } from './json.ts';

/** Variables that istiod or the injector look at; beside them whatever the Node.js runtime knows. */
const known: ReadonlySet<string> = new Set([
  'REVISION',
  'CLUSTER_ID',
  'POD_NAME',
  'POD_NAMESPACE',
  'POD_IP',
  'HOST_IP',
  'SERVICE_ACCOUNT',
  'ENABLE_NATIVE_SIDECARS',
  'PILOT_WORKLOAD_ENTRY_GRACE_PERIOD',
]);
const knownPrefixes = ['LATEEN_', 'NODE_', 'SSL_'];

/** Names of variables that reach istiod's container and that nothing in it reads. */
export function listUnknownVariables(names: readonly string[]): readonly string[] {
  return names.filter((name) => !known.has(name) && !knownPrefixes.some((prefix) => name.startsWith(prefix)));
}

/** Names in a list of EnvVar objects. */
export function readVariableNames(list: JsonObject[string] | undefined): readonly string[] {
  return Array.isArray(list) ? list.filter(isObject).map((entry) => String(entry.name)) : [];
}
