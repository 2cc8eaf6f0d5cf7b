import type { KubeClient } from './client.ts';
import type { KubeObject } from './objects.ts';
import { apiVersionOf, type Resource, resourcePath, resources } from './resources.ts';

/** Whom a token proves, by the API server's word. */
export type TokenVerdict =
  | {
      readonly authenticated: true;
      /** e.g. `system:serviceaccount:shop:cart` */
      readonly username: string;
      readonly uid: string;
      readonly groups: readonly string[];
      readonly audiences: readonly string[];
      /** e.g. `authentication.kubernetes.io/pod-name` */
      readonly extra: Readonly<Record<string, readonly string[]>>;
    }
  | { readonly authenticated: false; readonly error: string };

/** Asks the API server whose token this is. Only a token made for one of `audiences` counts. */
export async function reviewToken(
  client: KubeClient,
  token: string,
  audiences: readonly string[],
  signal?: AbortSignal,
): Promise<TokenVerdict> {
  const review = await sendReview<{
    authenticated?: boolean;
    audiences?: string[];
    error?: string;
    user?: { username?: string; uid?: string; groups?: string[]; extra?: Record<string, string[]> };
  }>(client, resources.tokenReviews, { token, audiences }, signal);
  const { user } = review;
  if (review.authenticated !== true || user?.username === undefined) {
    return { authenticated: false, error: review.error ?? 'token is not valid' };
  }
  const granted = review.audiences ?? [];
  // An API server that knows nothing of audiences answers without them; such an answer proves nothing about them.
  if (!audiences.some((audience) => granted.includes(audience))) {
    return { authenticated: false, error: `token is not for ${audiences.join(', ')}` };
  }
  return {
    authenticated: true,
    username: user.username,
    uid: user.uid ?? '',
    groups: user.groups ?? [],
    audiences: granted,
    extra: user.extra ?? {},
  };
}

/** What someone wants to do. */
export interface AccessQuestion {
  readonly user: string;
  readonly groups?: readonly string[];
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  readonly group: string;
  /** Plural name. */
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
}

export interface AccessVerdict {
  readonly allowed: boolean;
  readonly reason: string;
}

/** Asks the API server whether RBAC (or whatever authorizes there) lets someone do something. */
export async function reviewAccess(
  client: KubeClient,
  question: AccessQuestion,
  signal?: AbortSignal,
): Promise<AccessVerdict> {
  const { user, groups, ...resourceAttributes } = question;
  const status = await sendReview<{ allowed?: boolean; denied?: boolean; reason?: string }>(
    client,
    resources.subjectAccessReviews,
    { user, groups, resourceAttributes },
    signal,
  );
  return { allowed: status.allowed === true && status.denied !== true, reason: status.reason ?? '' };
}

/** Reviews are created, answered in their status and stored nowhere. */
async function sendReview<S>(
  client: KubeClient,
  resource: Resource,
  spec: unknown,
  signal: AbortSignal | undefined,
): Promise<S> {
  const answer = (await client.transport.send({
    method: 'POST',
    path: resourcePath(resource),
    body: { apiVersion: apiVersionOf(resource), kind: resource.kind, spec },
    signal,
    timeoutMs: 10_000,
  })) as KubeObject & { readonly status?: S };
  return answer.status ?? ({} as S);
}
