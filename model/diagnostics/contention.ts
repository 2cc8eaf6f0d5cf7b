/** Whether one VirtualService takes from another what both ask for on a host. */
import { namesGateways } from '../frontend/istio/httpmatch.ts';
import { namesCallers } from '../inputs.ts';
import type { VirtualServiceSpec } from '../specs.ts';

/** What one match asks for; a port of 0 is any. */
interface Ask {
  readonly port: number;
  /** Of TLS: its server names, in lower case. */
  readonly names?: readonly string[];
  /** Only some callers, or only some addresses: others are left to the next resource. */
  readonly partly: boolean;
}

interface Match {
  readonly port?: number | undefined;
  readonly gateways?: readonly string[] | undefined;
  readonly sourceLabels?: object | undefined;
  readonly sourceNamespace?: string | undefined;
  readonly destinationSubnets?: readonly string[] | undefined;
  readonly sniHosts?: readonly string[] | undefined;
}

/**
 * Whether sidecars would reach something by `later` if it weren't for `first`: on the same port, and for TLS by the same
 * server name. A resource without routes for a port or a caller leaves both to the next one.
 */
export function contends(first: VirtualServiceSpec, later: VirtualServiceSpec): boolean {
  return (['http', 'tls', 'tcp'] as const).some((kind) => {
    const wanted = asksOf(kind, later[kind] ?? []);
    return asksOf(kind, first[kind] ?? []).some((ask) => !ask.partly && wanted.some((other) => meet(ask, other)));
  });
}

type Kind = 'http' | 'tls' | 'tcp';

function asksOf(kind: Kind, routes: readonly { readonly match?: readonly Match[] | undefined }[]): readonly Ask[] {
  return routes.flatMap(({ match = [] }) => {
    if (match.length === 0) return [{ port: 0, partly: false }];
    return match.filter(isForMesh).map((one) => ({
      port: one.port ?? 0,
      ...(one.sniHosts === undefined ? {} : { names: one.sniHosts.map((name) => name.toLowerCase()) }),
      partly:
        (namesCallers(one) && !(kind === 'http' && namesGateways(one))) || (one.destinationSubnets ?? []).length > 0,
    }));
  });
}

const isForMesh = ({ gateways = [] }: Match): boolean => gateways.length === 0 || gateways.includes('mesh');

function meet(a: Ask, b: Ask): boolean {
  const samePort = a.port === 0 || b.port === 0 || a.port === b.port;
  return (
    samePort && (a.names === undefined || b.names === undefined || a.names.some((name) => b.names?.includes(name)))
  );
}
