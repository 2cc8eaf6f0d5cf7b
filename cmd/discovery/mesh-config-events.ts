import { createEventRecorder, type KubeClient, type KubeEvent, resources } from '#kube/index.ts';
import type { MeshConfigOutcome } from '#registry/index.ts';
import type { Clock, Component, Logger } from '#runtime/index.ts';

export interface MeshConfigEventsOptions {
  readonly client: KubeClient;
  /** Where the ConfigMap is. */
  readonly namespace: string;
  readonly name: string;
  /** Which process says so. */
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface MeshConfigEvents {
  /** Takes what became of the ConfigMap. */
  report(outcome: MeshConfigOutcome): void;
  /** Writes the last outcome and every later one as events, for as long as it runs: on one replica. */
  readonly writer: Component;
}

/** Tells on the ConfigMap itself why it is not in force, and that it is again. */
export function createMeshConfigEvents(options: MeshConfigEventsOptions): MeshConfigEvents {
  const { client, clock, logger } = options;
  let last: MeshConfigOutcome | undefined;
  let written: MeshConfigOutcome | undefined;
  let wake = (): void => undefined;
  /** What was said last; a valid one is worth a word only after a faulty one. */
  let faulty = false;

  const write = async (outcome: MeshConfigOutcome): Promise<void> => {
    const event = planEvent(outcome, faulty, options);
    faulty = outcome.errors.length > 0 || outcome.object === undefined;
    if (event !== undefined) await recorder.record(event);
  };
  const recorder = createEventRecorder({
    client,
    controller: 'istio.io/istiod',
    instance: options.instance,
    clock,
    onLost: (_event, error) => logger.warn('an event on the mesh configuration cannot be written', { error }),
  });

  return {
    report(outcome) {
      last = outcome;
      wake();
    },
    writer: {
      name: 'mesh configuration events',
      run: async (signal) => {
        signal.addEventListener('abort', () => wake(), { once: true });
        while (!signal.aborted) {
          const current = last;
          if (current !== undefined && current !== written) {
            written = current;
            await write(current);
            continue;
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      },
    },
  };
}

function planEvent(
  { object, errors, lastValidInForce }: MeshConfigOutcome,
  wasFaulty: boolean,
  { namespace, name }: MeshConfigEventsOptions,
): KubeEvent | undefined {
  const common = {
    resource: resources.configMaps,
    object: object ?? { metadata: { namespace, name } },
    action: 'ReadMeshConfig',
  };
  const standIn = lastValidInForce ? 'the last valid one stays in force' : 'nothing is served before it is valid';
  if (errors.length > 0) {
    const said = errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
    return { ...common, type: 'Warning', reason: 'InvalidMeshConfig', note: `${said}; ${standIn}` };
  }
  if (object === undefined)
    return lastValidInForce
      ? { ...common, type: 'Warning', reason: 'MeshConfigMissing', note: `the ConfigMap is gone; ${standIn}` }
      : undefined;
  return wasFaulty
    ? { ...common, type: 'Normal', reason: 'MeshConfigInForce', note: 'valid, and in force' }
    : undefined;
}
