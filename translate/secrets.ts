/** Certificates out of Secrets: which secret a name stands for, who may have it, and the encoded resource. */
import { buildCertificateSecret, buildRootsSecret } from '#envoy/index.ts';
import type { Graph, Query } from '#graph/index.ts';
import type { MeshQueries, SourceRef } from '#model/index.ts';
import type { Clock } from '#runtime/core/index.ts';
import type { Proxy as MeshProxy, ServedResource } from '#xds/source.ts';
import { encodeResource } from './resource.ts';
import { gatewayOf, parseCombination, parseViewPart } from './snapshots.ts';

/** Whether an identity may read Secrets of a namespace, by the API server's own authorization; joined in cmd/. */
export interface SecretAuthorizer {
  mayReadSecrets(
    identity: { readonly namespace: string; readonly serviceAccount: string },
    namespace: string,
    signal?: AbortSignal,
  ): Promise<boolean>;
}

/** The key of the secret that a name means to this proxy: always one of its own, proven namespace. Undefined where nothing is proven. */
export function resolveSecretKey(proxy: MeshProxy, name: string): string | undefined {
  const { identity } = proxy;
  if (identity === undefined) return undefined;
  return `${proxy.clusterId}/${identity.namespace}/${name}`;
}

export interface SecretQueries {
  /** Key: `CLUSTER/NAMESPACE/SDS NAME`. Undefined while the secret is absent or holds nothing of use. */
  readonly secret: Query<ServedResource | undefined>;
  /** Key: a combination. The SDS names that its servers and clusters use, and whose those are; no other is answered. */
  readonly users: Query<ReadonlyMap<string, readonly SourceRef[]>>;
}

export function createSecretQueries(graph: Graph, model: MeshQueries): SecretQueries {
  return {
    secret: graph.query('translate.secret', (reader, key) => {
      const secret = reader.read(model.gatewaySecret, key);
      if (secret === undefined) return undefined;
      const name = key.split('/').slice(2).join('/');
      const message = secret.kind === 'roots' ? buildRootsSecret(name, secret) : buildCertificateSecret(name, secret);
      return encodeResource('envoy.extensions.transport_sockets.tls.v3.Secret', message, { name });
    }),
    users: graph.query('translate.secretUsers', (reader, combination) => {
      const { view, own } = parseCombination(combination);
      const gateway = gatewayOf(own);
      const users = new Map(reader.read(model.viewSecretUsers, parseViewPart(view).view));
      for (const [name, gateways] of gateway === undefined ? [] : reader.read(model.gatewaySecretUsers, gateway))
        users.set(name, [...(users.get(name) ?? []), ...gateways]);
      return users;
    }),
  };
}

/** How long an answer of the API server holds: permissions change seldom, a refusal should not outlast its cause. */
const ALLOWED_MS = 60_000;
const REFUSED_MS = 5_000;

interface Answer {
  readonly allowed: boolean;
  readonly expires: number;
}

/**
 * Remembers the authorizer's answers for as long as somebody needs them, and a while longer; refuses until the first one
 * is there.
 */
export class SecretPermissions {
  readonly #authorizer: SecretAuthorizer;
  readonly #clock: Clock;
  readonly #answers = new Map<string, Answer>();
  readonly #asking = new Set<string>();

  constructor(authorizer: SecretAuthorizer, clock: Clock) {
    this.#authorizer = authorizer;
    this.#clock = clock;
  }

  /** The last answer, however old while a newer one is being asked for. */
  allows(identity: NonNullable<MeshProxy['identity']>): boolean {
    return this.#answers.get(renderIdentity(identity))?.allowed ?? false;
  }

  /**
   * Asks again where there is no fresh answer, and forgets what nobody needs: who comes back later is asked about anew.
   * Resolves to whether an answer changed. A failed question keeps the old answer.
   */
  async refresh(
    identities: Iterable<NonNullable<MeshProxy['identity']>>,
    signal: AbortSignal,
    onFault: (error: unknown) => void,
  ): Promise<boolean> {
    const due = new Map([...identities].map((identity) => [renderIdentity(identity), identity]));
    for (const [key, { expires }] of this.#answers) {
      const fresh = expires > this.#clock.monotonic();
      if (!fresh && !due.has(key)) this.#answers.delete(key);
      if (fresh) due.delete(key);
    }
    for (const key of this.#asking) due.delete(key);
    const changes = await Promise.all([...due].map(([key, identity]) => this.#ask(key, identity, signal, onFault)));
    return changes.includes(true);
  }

  async #ask(
    key: string,
    identity: NonNullable<MeshProxy['identity']>,
    signal: AbortSignal,
    onFault: (error: unknown) => void,
  ): Promise<boolean> {
    this.#asking.add(key);
    try {
      const allowed = await this.#authorizer.mayReadSecrets(identity, identity.namespace, signal);
      const before = this.#answers.get(key)?.allowed ?? false;
      this.#answers.set(key, {
        allowed,
        expires: this.#clock.monotonic() + (allowed ? ALLOWED_MS : REFUSED_MS),
      });
      return before !== allowed;
    } catch (error) {
      onFault(error);
      return false;
    } finally {
      this.#asking.delete(key);
    }
  }
}

function renderIdentity(identity: NonNullable<MeshProxy['identity']>): string {
  return `${identity.trustDomain}/${identity.namespace}/${identity.serviceAccount}`;
}
