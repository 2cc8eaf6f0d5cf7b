import { annotations } from '#api/constants.ts';
import { kinds } from '#api/index.ts';
import { type EventRecorder, type KubeClient, KubeError, objectKey, resources } from '#kube/index.ts';
import { type Clock, LateenError } from '#runtime/core/index.ts';
import type { Installation } from '../install/installation.ts';
import type { JsonObject } from '../install/json.ts';
import { planInstallation } from '../install/plan.ts';
import type { Profiles } from '../install/profiles.ts';
import type { Child } from '../render/child.ts';
import { renderInstallation } from '../render/index.ts';
import type { Outcome, WebhookState } from '../status/facts.ts';
import { ChildApplier } from './apply.ts';
import { ApplyFailures } from './apply-failures.ts';
import { type ProbeWebhook, readPublishedRoot, webhookUrl } from './ca-bundle.ts';
import type { Children } from './children.ts';
import { readHealth } from './health.ts';
import { type IstioOperatorObject, isOlder, readRevision } from './istio-operator.ts';
import { StatusWriter } from './status-writer.ts';

export interface ReconcilerOptions {
  readonly client: KubeClient;
  readonly profiles: Profiles;
  readonly children: Children;
  readonly events: EventRecorder;
  /** Undefined when istiod cannot be reached from here; then its readiness has to do. */
  readonly probeWebhook: ProbeWebhook | undefined;
  readonly clock: Clock;
}

/** When to look again at an installation that waits for istiod, and at one that waits for nothing. */
const waitingMs = 300;
const resyncMs = 60_000;

/** How often in a row something may fail before the status says that it does not heal by itself. */
const patience = 10;

const isWebhook = ({ resource }: Pick<Child, 'resource'>) => resource.group === 'admissionregistration.k8s.io';

/** Makes the cluster match one IstioOperator and tells in its status how far that went. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #applier: ChildApplier;
  readonly #status: StatusWriter;
  readonly #failures = new Map<string, number>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#applier = new ChildApplier(options.client, options.children);
    this.#status = new StatusWriter(options);
  }

  /**
   * @param others all IstioOperators, to tell who owns a revision
   * @returns after how many milliseconds to look again
   */
  async reconcile(
    object: IstioOperatorObject,
    others: Iterable<IstioOperatorObject>,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    if (object.metadata.annotations?.[annotations.ignoreReconcile] === 'true') {
      await this.#status.write(object, { kind: 'paused' }, undefined, signal);
      return undefined;
    }
    const planned = this.#plan(object, others);
    if (planned.kind === 'refused') {
      await this.#status.write(object, planned, undefined, signal);
      return undefined;
    }
    const { installation, notHonoured } = planned;
    const { version } = installation;
    if (this.#status.read(object)?.observedGeneration !== object.metadata.generation) {
      await this.#status.write(object, { kind: 'begun' }, version, signal);
    }
    try {
      const outcome = await this.#apply(installation, notHonoured, signal);
      await this.#status.write(object, outcome, version, signal);
      this.#failures.delete(objectKey(object));
      return outcome.kind === 'applied' && outcome.webhooks.kind === 'waiting' ? waitingMs : resyncMs;
    } catch (thrown) {
      await this.#report(object, version, LateenError.from(thrown), signal);
      throw thrown;
    }
  }

  /** Takes note that an IstioOperator is gone. */
  forget(object: IstioOperatorObject): void {
    this.#status.forget(object);
    this.#failures.delete(objectKey(object));
  }

  #plan(
    object: IstioOperatorObject,
    others: Iterable<IstioOperatorObject>,
  ):
    | Extract<Outcome, { kind: 'refused' }>
    | { readonly kind: 'planned'; readonly installation: Installation; readonly notHonoured: readonly string[] } {
    const parsed = kinds.IstioOperator.parse(object);
    if (!parsed.ok) return { kind: 'refused', reason: 'Invalid', problems: parsed.errors };
    const { name, namespace = '', uid = '' } = object.metadata;
    const plan = planInstallation({ name, namespace, uid }, parsed.value.spec as JsonObject, this.#options.profiles);
    if (!plan.ok) return { kind: 'refused', reason: 'Invalid', problems: plan.problems };
    const rendered = renderInstallation(plan.installation, undefined);
    if (rendered.problems.length > 0) return { kind: 'refused', reason: 'Invalid', problems: rendered.problems };
    const { revision } = plan.installation;
    const rival = [...others].find(
      (other) =>
        other.metadata.uid !== uid &&
        other.metadata.deletionTimestamp === undefined &&
        readRevision(other) === revision &&
        isOlder(other, object),
    );
    if (rival !== undefined) {
      const message = `revision "${revision}" belongs to IstioOperator ${objectKey(rival)}, which is older`;
      return { kind: 'refused', reason: 'RevisionConflict', problems: [{ path: 'spec.revision', message }] };
    }
    const warnings = parsed.warnings.map(({ path }) => path);
    return {
      kind: 'planned',
      installation: plan.installation,
      notHonoured: [...new Set([...plan.notHonoured, ...warnings])].sort(),
    };
  }

  async #apply(
    installation: Installation,
    notHonoured: readonly string[],
    signal: AbortSignal,
  ): Promise<Extract<Outcome, { kind: 'applied' }>> {
    const { children, client } = this.#options;
    const find = (child: Child) => children.get(child.resource, objectKey(child.object));
    const failures = new ApplyFailures();
    const contested: string[] = [];
    const applyAll = async (wanted: readonly Child[]) => {
      for (const child of wanted) {
        await failures.attempt(child, async () => {
          const result = await this.#applier.apply(child, signal);
          if (result.kind === 'contested') contested.push(result.message);
        });
      }
    };
    const base = renderInstallation(installation, undefined).children;
    await this.#ensureNamespaces(installation, base, signal);
    await applyAll(base);
    const components = readHealth(base, find);
    const root =
      installation.webhooks === undefined ? undefined : await readPublishedRoot(client, installation.namespace, signal);
    const hooks = root === undefined ? [] : renderInstallation(installation, root).children.filter(isWebhook);
    const standing = children.ownedBy(installation.owner).some(isWebhook);
    const webhooks = await this.#judgeWebhooks(
      installation,
      root,
      standing,
      !failures.concern('Base', 'Pilot') &&
        components.every(({ component, state }) => component !== 'Pilot' || state === 'ready'),
      signal,
    );
    if (webhooks.kind === 'ready') await applyAll(hooks);
    // What is no longer wanted may still serve until everything that takes its place is there.
    failures.throwIfAny(contested);
    await this.#prune(installation, [...base, ...hooks], webhooks, signal);
    return { kind: 'applied', components, webhooks, notHonoured, contested: contested.sort() };
  }

  /** Webhooks are put up only once istiod is known to answer; once they stand they stay, whatever istiod does. */
  async #judgeWebhooks(
    installation: Installation,
    root: string | undefined,
    standing: boolean,
    pilotReady: boolean,
    signal: AbortSignal,
  ): Promise<WebhookState> {
    const { webhooks } = installation;
    if (webhooks === undefined || (!webhooks.injection && !webhooks.validation)) return { kind: 'off' };
    if (root === undefined) return { kind: 'waiting', message: 'istiod has not published its root certificate yet' };
    if (standing || webhooks.injectionUrl !== undefined) return { kind: 'ready' };
    if (!pilotReady) return { kind: 'waiting', message: 'istiod is not ready yet' };
    const silence = await this.#options.probeWebhook?.(webhookUrl(installation), root, signal);
    return silence === undefined
      ? { kind: 'ready' }
      : { kind: 'waiting', message: `istiod does not answer webhooks yet: ${silence}` };
  }

  /** Namespaces are created when missing, bare, and never changed or removed: they are the user's. */
  async #ensureNamespaces(installation: Installation, wanted: readonly Child[], signal: AbortSignal): Promise<void> {
    const names = new Set(wanted.map(({ object }) => object.metadata.namespace).filter((name) => name !== undefined));
    names.delete(installation.owner.namespace);
    for (const name of names) {
      if ((await this.#options.client.find(resources.namespaces, { name }, signal)) !== undefined) continue;
      await this.#options.client.create(resources.namespaces, { metadata: { name } }, signal);
    }
  }

  /** Removes what carries our owner's labels and is no longer part of the installation. */
  async #prune(
    installation: Installation,
    wanted: readonly Child[],
    webhooks: WebhookState,
    signal: AbortSignal,
  ): Promise<void> {
    const identify = (
      resource: Child['resource'],
      object: Child['object'] | { readonly metadata: { readonly name: string } },
    ) => `${resource.plural}/${objectKey(object)}`;
    const kept = new Set(wanted.map(({ resource, object }) => identify(resource, object)));
    for (const { resource, child } of this.#options.children.ownedBy(installation.owner)) {
      if (kept.has(identify(resource, child)) || child.metadata.deletionTimestamp !== undefined) continue;
      // While the root is unreadable we cannot tell what the webhooks should be; what stands, stands.
      if (isWebhook({ resource }) && webhooks.kind === 'waiting') continue;
      const { uid } = child.metadata;
      await this.#options.client.delete(resource, child.metadata, { ...(uid === undefined ? {} : { uid }), signal });
      this.#applier.forget(identify(resource, child));
    }
  }

  async #report(object: IstioOperatorObject, version: string, error: LateenError, signal: AbortSignal): Promise<void> {
    if (error.code === 'aborted') return;
    const failures = (this.#failures.get(objectKey(object)) ?? 0) + 1;
    this.#failures.set(objectKey(object), failures);
    const hopeless = error.code === 'forbidden' || error.code === 'invalid';
    const reason = error.code === 'forbidden' ? 'Forbidden' : error.code === 'invalid' ? 'Rejected' : 'ApplyFailed';
    const outcome: Outcome = {
      kind: 'failed',
      reason,
      message: error.message,
      permanent: hopeless || failures >= patience,
    };
    try {
      await this.#status.write(object, outcome, version, signal);
    } catch (thrown) {
      // The failure that matters is the one being reported; this one only adds that nobody can be told of it now.
      if (!(thrown instanceof KubeError)) throw thrown;
    }
  }
}
