/**
 * Who is at the other end. The server proves identities through a port that cmd/ joins to the certificate authority and
 * the token review; what a client claims about itself is checked against what it proved.
 */
import type { PresentedCredentials } from '#runtime/index.ts';
import type { Proxy as MeshProxy } from './source.ts';

export type ProvenIdentity = NonNullable<MeshProxy['identity']>;

export type Authentication =
  | {
      readonly ok: true;
      readonly identity: ProvenIdentity;
      /** Until when the credential proves it, in milliseconds since the epoch; absent: as long as the connection lives. */
      readonly expires?: number;
    }
  /** `reason` is for the log. `unavailable`: nobody could tell; the client may try again. */
  | { readonly ok: false; readonly code: 'unauthenticated' | 'unavailable'; readonly reason: string };

export interface PeerAuthenticator {
  authenticate(credentials: PresentedCredentials): Promise<Authentication>;
}

/** Why a proxy's claims contradict its proven identity; undefined: they don't. */
export function contradiction(
  claimed: Pick<MeshProxy, 'namespace' | 'serviceAccount'>,
  identity: ProvenIdentity,
): string | undefined {
  if (claimed.namespace !== identity.namespace) {
    return `node claims namespace "${claimed.namespace}", its credential proves "${identity.namespace}"`;
  }
  if (claimed.serviceAccount !== '' && claimed.serviceAccount !== identity.serviceAccount) {
    return `node claims service account "${claimed.serviceAccount}", its credential proves "${identity.serviceAccount}"`;
  }
  return undefined;
}
