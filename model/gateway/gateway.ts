/** What a router listens on: Gateways that select it, their listeners, route tables and secrets. */
import type { Graph, Query } from '#graph/types.ts';
import type { ServiceQueries } from '../discovery/services.ts';
import { sameData } from '../equality.ts';
import { type PlacedPort, planServers, type ServerPlan } from '../frontend/istio/gatewayservers.ts';
import type { VirtualServiceQueries } from '../frontend/istio/virtualservices.ts';
import type { MeshInputs } from '../inputs.ts';
import { parseGatewayKey, parseLabels } from '../keys.ts';
import { isReservedAtRouter } from '../ownports.ts';
import { compareAge, selects } from '../selection.ts';
import type { Listener } from '../types/resolved.ts';
import { buildGatewayListener } from './listener.ts';

export interface GatewayParts {
  readonly inputs: MeshInputs;
  readonly services: ServiceQueries;
  readonly virtualServices: VirtualServiceQueries;
}

export interface GatewayQueries {
  /** By gateway key: the servers in force. */
  readonly gatewayServers: Query<ServerPlan>;
  /** By gateway key. */
  readonly gatewayListeners: Query<readonly Listener[]>;
}

export function defineGateways(graph: Graph, parts: GatewayParts): GatewayQueries {
  const { inputs } = parts;

  const selectors = graph.query<ReadonlyMap<string, Readonly<Record<string, string>>>>(
    'gatewaySelectors',
    (reader) =>
      new Map(
        reader
          .keys(inputs.gateways)
          .map((key) => [key, reader.get(inputs.gateways, key)?.spec.selector ?? {}] as const),
      ),
    { equal: sameData },
  );

  const gatewayServers = graph.query<ServerPlan>(
    'gatewayServers',
    (reader, text) => {
      const key = parseGatewayKey(text);
      const labels = parseLabels(key.labels);
      const targets = parseTargets(key.ports);
      const gateways = [...reader.read(selectors, '')]
        .filter(([, selector]) => selects(selector, labels))
        .flatMap(([name]) => reader.get(inputs.gateways, name) ?? [])
        .sort(compareAge);
      return planServers(
        gateways,
        (port) => targets.get(port) ?? [port],
        (port) => isReservedAtRouter(port, key.own),
      );
    },
    { equal: sameData },
  );

  const gatewayListeners = graph.query<readonly Listener[]>(
    'gatewayListeners',
    (reader, text) => {
      const key = parseGatewayKey(text);
      return reader
        .read(gatewayServers, text)
        .ports.flatMap((port: PlacedPort) => buildGatewayListener(reader, parts, key, port) ?? []);
    },
    { equal: sameData },
  );

  return { gatewayServers, gatewayListeners };
}

function parseTargets(text: string): ReadonlyMap<number, readonly number[]> {
  const targets = new Map<number, number[]>();
  for (const pair of text === '' ? [] : text.split(',')) {
    const [port = '', target = ''] = pair.split(':');
    targets.set(Number(port), [...(targets.get(Number(port)) ?? []), Number(target)]);
  }
  return targets;
}
