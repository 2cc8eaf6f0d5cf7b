import { kinds } from '#api/index.ts';
import {
  createEventRecorder,
  createFencedClient,
  createLeaderElection,
  type EventRecorder,
  type KubeClient,
  objectKey,
} from '#kube/index.ts';
import { type Clock, type Component, type Logger, silentLogger, systemClock } from '#runtime/index.ts';
import { KubeOperator, type ResourceEvent, ResourceEventType } from './adapter.ts';
import { type Profiles, readProfiles } from './install/profiles.ts';
import { managerPrefix } from './reconcile/apply.ts';
import { type ProbeWebhook, probeOverTls } from './reconcile/ca-bundle.ts';
import { type Children, createChildren } from './reconcile/children.ts';
import { type IstioOperatorObject, istioOperators } from './reconcile/istio-operator.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { removeInstallation } from './reconcile/removal.ts';

export const finalizer = 'istio-finalizer.install.istio.io';

export interface OperatorOptions {
  readonly client: KubeClient;
  /** Where the profiles lie as `<name>.yaml`. */
  readonly profilesDirectory: string;
  /** The operator's own namespace, for its Lease. */
  readonly namespace: string;
  /** Unique per process, e.g. the pod's name. */
  readonly identity: string;
  /** Only IstioOperators of this namespace; default: all. */
  readonly watchNamespace?: string | undefined;
  /**
   * How to find out whether istiod answers webhooks before they are put up. Default: over TLS at its Service. `false`
   * where the cluster's Services cannot be reached; istiod's readiness has to do then.
   */
  readonly probeWebhook?: ProbeWebhook | false;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Length of the leader's lease in milliseconds; default 15,000 (10,000 to renew, 2,000 between tries). */
  readonly leaseDurationMs?: number;
}

/** The operator: one of its replicas reconciles IstioOperators, the others stand by. */
export function createOperator(options: OperatorOptions): Component {
  const { logger = silentLogger, clock = systemClock, random = Math.random, leaseDurationMs = 15_000 } = options;
  return {
    name: 'operator',
    async run(signal) {
      const profiles = await readProfiles(options.profilesDirectory);
      const election = createLeaderElection({
        client: options.client,
        namespace: options.namespace,
        name: 'lateen-operator',
        identity: options.identity,
        clock,
        random,
        leaseDurationMs,
        renewDeadlineMs: (leaseDurationMs * 2) / 3,
        retryPeriodMs: (leaseDurationMs * 2) / 15,
        onTrouble: (error) => logger.warn('lease cannot be renewed', { error }),
        onStopped: () => logger.info('no longer leading'),
        onStarted: async (leading) => {
          logger.info('leading', { identity: options.identity });
          const client = createFencedClient(options.client, () => election.isLeader);
          await new InstallationOperator({ ...options, client, logger, clock, random, profiles }).run(leading);
        },
      });
      await election.run(signal);
    },
  };
}

interface InstallationOptions extends OperatorOptions {
  readonly profiles: Profiles;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
}

class InstallationOperator extends KubeOperator {
  readonly name = 'installations';
  readonly #options: InstallationOptions;
  readonly #children: Children;
  readonly #events: EventRecorder;
  readonly #reconciler: Reconciler;

  constructor(options: InstallationOptions) {
    const { client, logger, random, clock } = options;
    super({ client, kinds: [istioOperators], statusManager: managerPrefix, logger, random });
    this.#options = options;
    this.#children = createChildren({
      client,
      onChange: (owner) => this.requeue(istioOperators, owner),
      onTrouble: ({ plural }, { error, retryInMs }) =>
        logger.warn('watch interrupted', { kind: plural, error: error.message, retryInMs }),
    });
    this.#events = createEventRecorder({
      client,
      controller: 'lateen.dev/operator',
      instance: options.identity,
      clock,
      onLost: (event, error) => logger.warn('event lost', { reason: event.reason, error }),
    });
    this.#reconciler = new Reconciler({
      client,
      profiles: options.profiles,
      children: this.#children,
      events: this.#events,
      probeWebhook: options.probeWebhook === false ? undefined : (options.probeWebhook ?? probeOverTls),
      clock,
    });
  }

  /** Children first: without knowing what is there, nothing could be told from drift. */
  protected override async init(): Promise<void> {
    for (const component of this.#children.components) this.runBeside(component);
    await this.#children.whenSynced(this.stopping);
    const { group, versions, plural } = kinds.IstioOperator;
    await this.watchResource(
      group,
      versions[0] ?? '',
      plural,
      (event) => this.#handle(event),
      this.#options.watchNamespace,
    );
  }

  async #handle(event: ResourceEvent): Promise<void> {
    const object = this.source(event) as IstioOperatorObject;
    if (event.type === ResourceEventType.Deleted) {
      this.#reconciler.forget(object);
      // Another one may have waited for the revision.
      for (const other of this.objects(istioOperators)) this.requeue(istioOperators, objectKey(other));
      return;
    }
    if (await this.handleResourceFinalizer(event, finalizer, () => this.#remove(object))) return;
    const others = this.objects(istioOperators) as Iterable<IstioOperatorObject>;
    const again = await this.#reconciler.reconcile(object, others, this.stopping);
    if (again !== undefined) this.requeue(istioOperators, objectKey(object), again);
  }

  async #remove(object: IstioOperatorObject): Promise<void> {
    const { client, clock } = this.#options;
    await removeInstallation(object, { client, clock, children: this.#children, events: this.#events }, this.stopping);
  }
}
