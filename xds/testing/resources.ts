/** Resources and snapshots for tests: short to write, with contents that no codec looks at. */
import type { ServedResource, Snapshot } from '../source.ts';
import { CLUSTER, ENDPOINT, EXTENSION, LISTENER, ROUTE, VIRTUAL_HOST } from '../types.ts';

function served(typeUrl: string, name: string, version: string, more: Partial<ServedResource> = {}): ServedResource {
  return { typeUrl, name, version, bytes: Buffer.from(`${name}@${version}`), needs: [], ...more };
}

/** A cluster whose endpoints come by EDS under the same name. */
export const cluster = (name: string, version = '1'): ServedResource =>
  served(CLUSTER, name, version, { endpointsName: name });
export const endpoints = (name: string, version = '1'): ServedResource => served(ENDPOINT, name, version);
/** A filter that listeners name and clients ask for by itself. */
export const extension = (name: string, version = '1', needs: readonly string[] = []): ServedResource =>
  served(EXTENSION, name, version, { needs });
export const route = (name: string, needs: readonly string[], version = needs.join('+')): ServedResource =>
  served(ROUTE, name, version, { needs });
/** A virtual host; `name` is that of its table, a slash, and its own. */
export const host = (
  name: string,
  claims: readonly string[] = [name],
  version = '1',
  needs: readonly string[] = [],
): ServedResource => served(VIRTUAL_HOST, name, version, { claims, needs });
export const listener = (
  name: string,
  needs: readonly string[] = [],
  version = `v${needs.join('+')}`,
): ServedResource => served(LISTENER, name, version, { needs });

export function snapshot(revision: number, ...resources: readonly ServedResource[]): Snapshot {
  const types = new Map<string, Map<string, ServedResource>>();
  for (const resource of resources) {
    const known = types.get(resource.typeUrl) ?? new Map<string, ServedResource>();
    types.set(resource.typeUrl, known.set(resource.name, resource));
  }
  return { revision, types };
}
