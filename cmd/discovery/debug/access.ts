import type { ProvenIdentity, StreamState } from '#xds/index.ts';

/** What an identity may see: everything, or what concerns the proxies of its own namespace. */
export type Viewer = { readonly sees: 'mesh' } | { readonly sees: 'namespace'; readonly namespace: string };

/** `administrators`: namespaces whose identities see everything, the control plane's and the mesh's root namespace. */
export function resolveViewer(
  identity: Pick<ProvenIdentity, 'namespace'>,
  administrators: ReadonlySet<string>,
): Viewer {
  const { namespace } = identity;
  return administrators.has(namespace) ? { sees: 'mesh' } : { sees: 'namespace', namespace };
}

/** The streams of proxies that a viewer may know of. */
export function visibleStreams(viewer: Viewer, streams: readonly StreamState[]): readonly StreamState[] {
  return viewer.sees === 'mesh' ? streams : streams.filter(({ proxy }) => proxy.namespace === viewer.namespace);
}
