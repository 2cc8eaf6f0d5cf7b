import type { MeshName } from '#model/index.ts';
import type { Message } from '#wire/index.ts';

/** Istio's message; agents answer DNS queries from it. */
export function buildNameTable(names: readonly MeshName[]): Message<'istio.networking.nds.v1.NameTable'> {
  return {
    table: Object.fromEntries(
      names.map(({ hostname, addresses, registry, short }) => [
        hostname,
        {
          ips: addresses,
          registry,
          ...(short === undefined ? {} : { shortname: short.name, namespace: short.namespace }),
        },
      ]),
    ),
  };
}
