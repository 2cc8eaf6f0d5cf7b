import { createHash } from 'node:crypto';
import { type KubeClient, KubeError, type KubeObject, objectKey } from '#kube/index.ts';
import type { Child } from '../render/child.ts';
import { type Children, readOwner } from './children.ts';
import { observeChild } from './observed.ts';

/** Prefix of all our field managers; what follows is the component. */
export const managerPrefix = 'lateen-operator';

export type ApplyResult =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'applied' }
  /** Somebody else claims fields of it on purpose, or it belongs to another IstioOperator. */
  | { readonly kind: 'contested'; readonly message: string };

/** Brings single objects to what was rendered, and remembers how they looked afterwards so that nothing is sent twice. */
export class ChildApplier {
  readonly #client: KubeClient;
  readonly #children: Children;
  readonly #applied = new Map<string, { readonly rendered: string; readonly fingerprint: string }>();

  constructor(client: KubeClient, children: Children) {
    this.#client = client;
    this.#children = children;
  }

  async apply(child: Child, signal: AbortSignal): Promise<ApplyResult> {
    const key = `${child.resource.plural}/${objectKey(child.object)}`;
    const rendered = createHash('sha256').update(JSON.stringify(child.object)).digest('base64');
    const known = this.#applied.get(key);
    const live = this.#children.get(child.resource, objectKey(child.object));
    if (live !== undefined && known?.rendered === rendered && known.fingerprint === live.fingerprint)
      return { kind: 'unchanged' };
    const owner = live === undefined ? undefined : readOwner(live);
    if (owner !== undefined && owner !== readOwner(child.object)) {
      return {
        kind: 'contested',
        message: `${child.resource.kind} ${objectKey(child.object)} belongs to IstioOperator ${owner}`,
      };
    }
    const applied = await this.#applyOrConcede(child, signal);
    if (typeof applied === 'string') return { kind: 'contested', message: applied };
    this.#applied.set(key, { rendered, fingerprint: observeChild(applied, child.resource.kind).fingerprint });
    return { kind: 'applied' };
  }

  /** Forgets what was remembered of an object that is no longer ours. */
  forget(key: string): void {
    this.#applied.delete(key);
  }

  /** The object as applied, or who stands in the way. */
  async #applyOrConcede(child: Child, signal: AbortSignal): Promise<KubeObject | string> {
    try {
      return await this.#send(child, false, signal);
    } catch (thrown) {
      if (!(thrown instanceof KubeError) || thrown.reason !== 'Conflict') throw thrown;
      const claims = await this.#readClaims(child, thrown, signal);
      if (claims !== undefined) return claims;
      return await this.#send(child, true, signal);
    }
  }

  /**
   * Server-side apply keeps the elements that others put into a list beside ours; together they may be invalid: a Service's
   * port that somebody renumbered still has the name of ours. Then lists are replaced whole, as a merge patch does.
   */
  async #send(child: Child, force: boolean, signal: AbortSignal): Promise<KubeObject> {
    const { resource, object } = child;
    const fieldManager = `${managerPrefix}/${child.component.toLowerCase()}`;
    const apply = () => this.#client.apply(resource, object, { fieldManager, force, signal });
    try {
      return await apply();
    } catch (thrown) {
      const exists = this.#children.get(resource, objectKey(object)) !== undefined;
      if (!(thrown instanceof KubeError) || thrown.code !== 'invalid' || !exists) throw thrown;
      await this.#client.patch(resource, object.metadata, object, { fieldManager, signal });
      return await apply();
    }
  }

  /**
   * Edits by hand are put back. Whoever claims a field by server-side apply does so on purpose and is not fought: the
   * conflict is reported instead.
   */
  async #readClaims(child: Child, conflict: KubeError, signal: AbortSignal): Promise<string | undefined> {
    const live = await this.#client.find<KubeObject>(child.resource, child.object.metadata, signal);
    const appliers = new Set(
      (live?.metadata.managedFields ?? [])
        .map((entry) => entry as { readonly manager?: string; readonly operation?: string })
        .filter(({ manager = '', operation }) => operation === 'Apply' && !manager.startsWith(managerPrefix))
        .map(({ manager }) => `conflict with "${manager}"`),
    );
    const claims = (conflict.status.details?.causes ?? []).filter(({ message = '' }) =>
      [...appliers].some((claim) => message.startsWith(claim)),
    );
    if (claims.length === 0) return undefined;
    const fields = claims.map(({ field, message }) => `${field ?? ''} (${message ?? ''})`).sort();
    return `${child.resource.kind} ${objectKey(child.object)}: ${fields.join(', ')}`;
  }
}
