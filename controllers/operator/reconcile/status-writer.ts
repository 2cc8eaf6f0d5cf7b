import { isDeepStrictEqual } from 'node:util';
import type { IstioOperatorStatus } from '#api/index.ts';
import type { EventRecorder, KubeClient } from '#kube/index.ts';
import type { Clock } from '#runtime/core/index.ts';
import type { Outcome } from '../status/facts.ts';
import { buildStatus } from '../status/status.ts';
import { managerPrefix } from './apply.ts';
import { type IstioOperatorObject, istioOperators } from './istio-operator.ts';

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

/** Writes status when it says something new, and one event per change of state. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  /** What we wrote last, by uid: the cache may not have seen it yet. */
  readonly #written = new Map<string, IstioOperatorStatus>();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** The status that stands, as far as we know. */
  read(object: IstioOperatorObject): IstioOperatorStatus | undefined {
    return this.#written.get(object.metadata.uid ?? '') ?? object.status;
  }

  async write(
    object: IstioOperatorObject,
    outcome: Outcome,
    version: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { name, namespace, uid = '', generation = 0 } = object.metadata;
    const previous = this.read(object);
    const now = new Date(this.#options.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const status = buildStatus({ previous, generation, version, outcome, now });
    if (isDeepStrictEqual(previous, status)) return;
    const draft = { metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, status };
    await this.#options.client.applyStatus(istioOperators, draft, {
      fieldManager: `${managerPrefix}/status`,
      force: true,
      signal,
    });
    this.#written.set(uid, status);
    await this.#announce(object, previous, status);
  }

  forget(object: IstioOperatorObject): void {
    this.#written.delete(object.metadata.uid ?? '');
  }

  async #announce(
    object: IstioOperatorObject,
    previous: IstioOperatorStatus | undefined,
    status: IstioOperatorStatus,
  ): Promise<void> {
    const before = readReady(previous);
    const after = readReady(status);
    if (after === undefined || (before?.reason === after.reason && previous?.status === status.status)) return;
    await this.#options.events.record({
      resource: istioOperators,
      object,
      type: status.status === 'ERROR' ? 'Warning' : 'Normal',
      reason: after.reason ?? 'Changed',
      action: 'Reconcile',
      note: status.message ?? '',
    });
  }
}

function readReady(status: IstioOperatorStatus | undefined) {
  return status?.conditions?.find(({ type }) => type === 'Ready');
}
