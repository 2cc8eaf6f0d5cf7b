import { createHash } from 'node:crypto';
import type { Clock } from '#runtime/core/index.ts';
import { LateenError, systemClock } from '#runtime/core/index.ts';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { apiVersionOf, type Resource, resources } from './resources.ts';

/** One thing that happened to an object, as `kubectl describe` shows it. */
export interface KubeEvent {
  readonly resource: Resource;
  readonly object: KubeObject;
  /** `Normal` for transitions, `Warning` for refusals and failures. */
  readonly type: 'Normal' | 'Warning';
  /** PascalCase, from a fixed set. */
  readonly reason: string;
  /** What the controller was doing, PascalCase. */
  readonly action: string;
  /** At most 1,024 bytes are kept. No times, no counters. */
  readonly note: string;
}

export interface EventRecorder {
  /** Never fails: an event that cannot be written is handed to `onLost`. The same event again within ten minutes is counted, not repeated. */
  record(event: KubeEvent): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** e.g. `lateen.dev/operator` */
  readonly controller: string;
  /** Which process, e.g. the pod's name. */
  readonly instance: string;
  readonly onLost?: (event: KubeEvent, error: LateenError) => void;
  readonly clock?: Clock;
}

interface Series {
  readonly name: string;
  readonly namespace: string;
  count: number;
  at: number;
}

const seriesMs = 10 * 60_000;
const mostSeries = 1_000;

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const clock = options.clock ?? systemClock;
  const known = new Map<string, Series>();

  async function write(event: KubeEvent): Promise<void> {
    const key = createHash('sha256')
      .update(JSON.stringify([event.object.metadata.uid, event.type, event.reason, event.action, event.note]))
      .digest('hex');
    const series = known.get(key);
    const now = clock.now();
    if (series !== undefined && now - series.at < seriesMs) {
      series.count += 1;
      series.at = now;
      const patch = { series: { count: series.count, lastObservedTime: formatMicroTime(now) } };
      if (await isThere(options.client.patch(resources.events, series, patch))) return;
    }
    const created: Series = {
      name: `${event.object.metadata.name.slice(0, 200)}.${key.slice(0, 10)}${now.toString(16)}`,
      namespace: event.object.metadata.namespace ?? 'default',
      count: 1,
      at: now,
    };
    forgetOldest(known);
    known.set(key, created);
    try {
      await options.client.create(resources.events, buildEvent(event, created, options, now));
    } catch (thrown) {
      // What is not there cannot be counted.
      known.delete(key);
      throw thrown;
    }
  }

  return {
    async record(event) {
      try {
        await write(event);
      } catch (thrown) {
        options.onLost?.(event, LateenError.from(thrown));
      }
    },
  };
}

/** False when the event is gone: nobody keeps events for long. */
function isThere(patched: Promise<unknown>): Promise<boolean> {
  return patched.then(
    () => true,
    (thrown: unknown) => {
      if (thrown instanceof KubeError && thrown.code === 'not-found') return false;
      throw thrown;
    },
  );
}

function buildEvent(event: KubeEvent, series: Series, options: EventRecorderOptions, now: number) {
  const { metadata } = event.object;
  return {
    metadata: { name: series.name, namespace: series.namespace },
    eventTime: formatMicroTime(now),
    reportingController: options.controller,
    reportingInstance: options.instance.slice(0, 128),
    type: event.type,
    reason: event.reason,
    action: event.action,
    note: Buffer.from(event.note)
      .subarray(0, 1024)
      .toString('utf8')
      .replace(/\uFFFD+$/, ''),
    regarding: {
      apiVersion: apiVersionOf(event.resource),
      kind: event.resource.kind,
      name: metadata.name,
      namespace: metadata.namespace,
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
    },
  };
}

function forgetOldest(known: Map<string, Series>): void {
  if (known.size < mostSeries) return;
  const [oldest] = known.keys();
  if (oldest !== undefined) known.delete(oldest);
}

/** Kubernetes' MicroTime. */
export function formatMicroTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}
