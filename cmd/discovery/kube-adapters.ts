/** The ports of the certificate authority and of the translation, joined to the API server. */
import type { RootStore, TokenVerifier } from '#ca/index.ts';
import { type KubeClient, KubeError, type KubeObject, resources, reviewAccess, reviewToken } from '#kube/index.ts';
import { LateenError } from '#runtime/index.ts';
import type { SecretAuthorizer } from '#translate/index.ts';

interface SecretObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const selfSignedSecret = 'istio-ca-secret';
const pluggedSecret = 'cacerts';

/** Secrets `cacerts` and `istio-ca-secret` of the control plane's namespace. */
export function createRootStore(client: KubeClient, namespace: string): RootStore {
  const read = async (name: string) => {
    const secret = await client.find<SecretObject>(resources.secrets, { namespace, name });
    if (secret === undefined) return undefined;
    return Object.fromEntries(
      Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
    );
  };
  return {
    readPlugged: () => read(pluggedSecret),
    read: () => read(selfSignedSecret),
    create: async (files) => {
      const data = Object.fromEntries(
        Object.entries(files).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
      );
      try {
        await client.create(resources.secrets, {
          metadata: { namespace, name: selfSignedSecret },
          type: 'istio.io/ca-root',
          data,
        });
        return 'created';
      } catch (thrown) {
        if (thrown instanceof KubeError && thrown.code === 'conflict') return 'exists';
        throw thrown;
      }
    },
  };
}

/** Service account tokens, by the API server's TokenReview. */
export function createTokenVerifier(client: KubeClient): TokenVerifier {
  return {
    verify: async (token, audiences) => {
      const verdict = await reviewToken(client, token, audiences).catch((thrown: unknown) => {
        throw LateenError.from(thrown, 'unavailable');
      });
      if (!verdict.authenticated) return { ok: false, reason: verdict.error };
      const match = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(verdict.username);
      const [, namespace, serviceAccount] = match ?? [];
      if (namespace === undefined || serviceAccount === undefined)
        return { ok: false, reason: `${verdict.username} is no service account` };
      const name = verdict.extra['authentication.kubernetes.io/pod-name']?.[0];
      const uid = verdict.extra['authentication.kubernetes.io/pod-uid']?.[0];
      return {
        ok: true,
        namespace,
        serviceAccount,
        ...(name === undefined || uid === undefined ? {} : { pod: { name, uid } }),
      };
    },
  };
}

/** Whether a service account may list Secrets of a namespace, by the API server's own authorization. */
export function createSecretAuthorizer(client: KubeClient): SecretAuthorizer {
  return {
    mayReadSecrets: async (identity, namespace, signal) => {
      const user = `system:serviceaccount:${identity.namespace}:${identity.serviceAccount}`;
      const groups = ['system:serviceaccounts', `system:serviceaccounts:${identity.namespace}`, 'system:authenticated'];
      const verdict = await reviewAccess(
        client,
        { user, groups, verb: 'list', group: '', resource: 'secrets', namespace },
        signal,
      );
      return verdict.allowed;
    },
  };
}
