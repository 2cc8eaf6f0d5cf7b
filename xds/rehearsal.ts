/**
 * A client that is not there, answered as if it were: it asks for everything as an Envoy does and takes whatever it is
 * sent. After some of these the responses that clients share are put together, and the way to them is compiled, before the
 * first client waits for it. Requests come in as bytes and responses go out as bytes, but to nobody.
 */
import { nextTurn } from '#runtime/core/index.ts';
import { encode, type Message } from '#wire/index.ts';
import type { StreamContext } from './context.ts';
import { NO_RESOURCES, routesNamedIn } from './difference.ts';
import { parseNode } from './node.ts';
import { parseRequest } from './request.ts';
import { Session } from './session.ts';
import type { Proxy as MeshProxy, Snapshot } from './source.ts';
import { CLUSTER, ENDPOINT, LISTENER, ROUTE, VIRTUAL_HOST } from './types.ts';

/** What such a proxy would be served; undefined when that cannot be said now. */
export type PrepareSnapshot = (proxy: MeshProxy) => Promise<Snapshot | undefined>;

type Request = Message<'envoy.service.discovery.v3.DeltaDiscoveryRequest'>;
type Response = Pick<Request, 'typeUrl' | 'responseNonce'>;

/** Says whether the client was sent all that it would be. Throws LateenError `invalid` for a node that is none. */
export async function rehearse(
  node: NonNullable<Request['node']>,
  prepare: PrepareSnapshot,
  { encoder, clock, session: settings }: Pick<StreamContext, 'encoder' | 'clock' | 'session'>,
): Promise<boolean> {
  const snapshot = await prepare(parseNode(node, 0, 'delta'));
  if (snapshot === undefined) return false;
  const session = new Session('delta', settings);
  session.aim(snapshot, NO_RESOURCES);
  const now = clock.monotonic();
  const request = (message: Request): readonly Response[] => {
    const parsed = parseRequest('delta', encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', message));
    if ('request' in parsed) session.request(parsed.request, now);
    return session.pump(now).map((response) => {
      encoder.encode('delta', response);
      return { typeUrl: response.type.typeUrl, responseNonce: response.nonce };
    });
  };
  for (const [typeUrl, names] of namesAskedFor(snapshot)) {
    // Nobody waits for this, and others may for the event loop.
    await nextTurn();
    const waiting = [...request({ node, typeUrl, resourceNamesSubscribe: names })];
    for (let response = waiting.shift(); response !== undefined; response = waiting.shift())
      waiting.push(...request(response));
  }
  return session.settled();
}

/** By type, in Envoy's order. Nothing is asked for where there is nothing to ask for, and everything where no name is given. */
function* namesAskedFor({ types }: Snapshot): Iterable<readonly [typeUrl: string, names: string[]]> {
  const clusters = types.get(CLUSTER) ?? NO_RESOURCES;
  yield [CLUSTER, []];
  const endpoints = [...clusters.values()].flatMap(({ endpointsName = '' }) => endpointsName || []);
  if (endpoints.length > 0) yield [ENDPOINT, endpoints];
  yield [LISTENER, []];
  const routes = routesNamedIn(types.get(LISTENER) ?? NO_RESOURCES);
  if (routes.length > 0) yield [ROUTE, [...routes]];
  if (types.has(VIRTUAL_HOST)) yield [VIRTUAL_HOST, []];
}
