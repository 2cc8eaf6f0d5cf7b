import { createHash } from 'node:crypto';
import { type KubeClient, KubeError, type KubeObject, objectKey } from '#kube/index.ts';
import type { Child } from '../render/child.ts';
import { type Children, readOwner } from './children.ts';
import { findListClaims, type ListClaim } from './list-claims.ts';
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
      // Without causes it is no conflict about fields: the object changed under a patch, and is looked at again.
      if ((thrown.status.details?.causes ?? []).length === 0) throw thrown;
      const claims = await this.#readClaims(child, thrown, signal);
      if (claims !== undefined) return claims;
      return await this.#send(child, true, signal);
    }
  }

  /**
   * Server-side apply keeps the elements that others put into a list beside ours; together they may be invalid: a Service's
   * port that somebody renumbered still has the name of ours. Then lists are replaced whole, as a merge patch does, unless
   * somebody applied elements of them, which is on purpose.
   */
  async #send(child: Child, force: boolean, signal: AbortSignal): Promise<KubeObject | string> {
    const { resource, object } = child;
    const fieldManager = `${managerPrefix}/${child.component.toLowerCase()}`;
    const apply = () => this.#client.apply(resource, object, { fieldManager, force, signal });
    try {
      return await apply();
    } catch (thrown) {
      const installed = this.#children.get(resource, objectKey(object)) !== undefined;
      if (!(thrown instanceof KubeError) || thrown.code !== 'invalid' || !installed) throw thrown;
      const live = await this.#client.find<KubeObject>(resource, object.metadata, signal);
      if (live === undefined) throw thrown;
      const claims = findListClaims(object, live.metadata.managedFields, isOurs);
      if (claims.length > 0) return describeListClaims(child, claims, thrown);
      // What was looked at is what is patched: a claim made in between is a conflict, and looked at next time.
      const patch = { ...object, metadata: { ...object.metadata, resourceVersion: live.metadata.resourceVersion } };
      await this.#client.patch(resource, object.metadata, patch, { fieldManager, signal });
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
        .filter(({ manager = '', operation }) => operation === 'Apply' && !isOurs(manager))
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

const isOurs = (manager: string) => manager === managerPrefix || manager.startsWith(`${managerPrefix}/`);

/** Only a refusal of what stands in a claimed list is the claim's doing; any other is the specification's. */
function describeListClaims(child: Child, claims: readonly ListClaim[], refusal: KubeError): string {
  const refused = (refusal.status.details?.causes ?? []).map(({ field = '' }) => field);
  const blamed = claims.filter(({ path }) =>
    refused.some((field) => field === path || field.startsWith(`${path}[`) || field.startsWith(`${path}.`)),
  );
  if (blamed.length === 0) throw refusal;
  const fields = blamed.map(({ path, managers }) => {
    const named = managers.map((manager) => `"${manager}"`).join(', ');
    return `.${path} (elements of ${named} do not go together with ours: ${refusal.status.message ?? refusal.message})`;
  });
  return `${child.resource.kind} ${objectKey(child.object)}: ${fields.join(', ')}`;
}
