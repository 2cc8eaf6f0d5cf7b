import type { StreamState } from '#xds/index.ts';
import { type Viewer, visibleStreams } from './access.ts';
import type { PageContent } from './page.ts';
import { nameProxy } from './sync-status.ts';

/** What Istio's tools look for in an answer, to ask the next replica. */
export const NOT_CONNECTED = 'Proxy not connected to this Pilot instance. It may be connected to another instance.';
const MISSING = 'You must provide a proxyID in the query string';

/** The proxy that an id means among those the viewer may see: `pod.namespace`, a node or connection id, or part of one. */
export function findProxy(
  id: string,
  viewer: Viewer,
  streams: readonly StreamState[],
): StreamState | Extract<PageContent, { problem: unknown }> {
  if (id === '') return { problem: 'invalid', text: MISSING };
  const visible = visibleStreams(viewer, streams);
  const isNamed = ({ proxy }: StreamState) =>
    id === nameProxy(proxy) || id === proxy.nodeId || id === proxy.connectionId;
  const found =
    visible.find(isNamed) ?? visible.find(({ proxy }) => proxy.connectionId.includes(id) || proxy.nodeId.includes(id));
  return found ?? { problem: 'not-found', text: NOT_CONNECTED };
}
