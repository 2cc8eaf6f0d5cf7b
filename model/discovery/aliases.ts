/** Services of type ExternalName: no destination of their own, another name of one. */
import type { Graph, Query } from '#graph/types.ts';
import { sameData } from '../equality.ts';
import type { MeshInputs } from '../inputs.ts';
import type { Service } from '../types/inputs.ts';

/** Another name of a service, which clients of its namespace may shorten. */
export type Alias = Pick<Service, 'hostname' | 'name' | 'namespace'>;

export interface AliasQueries {
  /** By hostname that no service has: the host behind it in the end, itself when it is no alias. Undefined when names go round in circles. */
  readonly concreteHost: Query<string | undefined>;
  /** By hostname: its other names, those of its other names included. */
  readonly aliases: Query<readonly Alias[]>;
  /** By namespace: hosts that have another name there. */
  readonly aliasedHosts: Query<readonly string[]>;
}

export function defineAliases(graph: Graph, inputs: MeshInputs): AliasQueries {
  const concreteHost = graph.query<string | undefined>('concreteHost', (reader, hostname) => {
    const seen = new Set<string>();
    for (let host: string = hostname; !seen.has(host); ) {
      seen.add(host);
      const known = reader.bucket(inputs.services, 'hostname', host);
      const [target] = known.flatMap(({ externalName }) => externalName ?? []);
      if (target === undefined || known.some((service) => service.resolution !== 'alias')) return host;
      host = target;
    }
    return undefined;
  });

  const aliases = graph.query<readonly Alias[]>(
    'aliases',
    (reader, hostname) => {
      const found = new Map<string, Alias>();
      const hosts = [hostname];
      for (const host of hosts) {
        for (const service of reader.bucket(inputs.services, 'alias', host)) {
          if (found.has(service.hostname) || service.hostname === hostname) continue;
          found.set(service.hostname, {
            hostname: service.hostname,
            name: service.name,
            namespace: service.namespace,
          });
          hosts.push(service.hostname);
        }
      }
      return [...found.keys()].sort().flatMap((host) => found.get(host) ?? []);
    },
    { equal: sameData },
  );

  const aliasedHosts = graph.query<readonly string[]>(
    'aliasedHosts',
    (reader, namespace) => {
      const hosts = reader
        .bucket(inputs.services, 'aliasing', namespace)
        .flatMap(({ hostname }) => reader.read(concreteHost, hostname) ?? []);
      return [...new Set(hosts)].sort();
    },
    { equal: sameData },
  );

  return { concreteHost, aliases, aliasedHosts };
}
