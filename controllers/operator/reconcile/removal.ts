import { type EventRecorder, type KubeClient, objectKey } from '#kube/index.ts';
import type { Clock } from '#runtime/core/index.ts';
import type { Children } from './children.ts';
import { type IstioOperatorObject, istioOperators } from './istio-operator.ts';

/** Set on an IstioOperator that is being deleted, it lets go of it at once and leaves what is left where it is. */
export const forceRemovalAnnotation = 'install.istio.io/forceRemoval';

/** How long after the request to delete the removal may hold it up. */
export const removalMs = 60_000;

export interface RemovalOptions {
  readonly client: KubeClient;
  readonly children: Children;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

/**
 * Removes everything that an IstioOperator installed, webhooks first, and waits until it is gone; gives up after a
 * minute and reports what was left. Namespaces, the CA's Secret and the root-certificate ConfigMaps stay.
 */
export async function removeInstallation(
  object: IstioOperatorObject,
  options: RemovalOptions,
  signal: AbortSignal,
): Promise<void> {
  const { client, children, clock } = options;
  const { name, namespace = '', annotations, deletionTimestamp } = object.metadata;
  const force = annotations?.[forceRemovalAnnotation] === 'true';
  const asked = deletionTimestamp === undefined ? clock.now() : Date.parse(deletionTimestamp);
  const deadline = Math.max(asked + removalMs, clock.now() + (force ? 0 : 5_000));
  for (;;) {
    const left = children.ownedBy({ name, namespace });
    if (left.length === 0) return;
    if (force || clock.now() >= deadline) {
      const names = left.map(({ resource, child }) => `${resource.kind} ${objectKey(child)}`);
      await options.events.record({
        resource: istioOperators,
        object,
        type: 'Warning',
        reason: 'RemovalIncomplete',
        action: 'Remove',
        note: `left behind: ${names.join(', ')}`,
      });
      return;
    }
    for (const { resource, child } of left) {
      if (child.metadata.deletionTimestamp !== undefined) continue;
      const { uid } = child.metadata;
      await client.delete(resource, child.metadata, { ...(uid === undefined ? {} : { uid }), signal });
    }
    await clock.sleep(100, signal);
  }
}
