import { kinds } from '#api/index.ts';
import { createBackoff, isExpired, type KubeClient, KubeError, type KubeObject, type Resource } from '#kube/index.ts';
import {
  type Clock,
  type Component,
  createCoalescer,
  createWorkQueue,
  LateenError,
  type Logger,
  pause,
  sameMembers,
} from '#runtime/index.ts';
import {
  type DeliveryFact,
  type DeliveryFacts,
  type DeliveryReport,
  indexFacts,
  resolveDelivery,
  type SourceKey,
} from '../delivery/facts.ts';
import { type ConditionFacts, isProgrammed, planConditions, type StatusCondition } from './conditions.ts';
import type { StatusSubject, StatusSubjects } from './subjects.ts';

export interface StatusControllerOptions {
  readonly client: KubeClient;
  readonly subjects: StatusSubjects;
  readonly delivery: DeliveryFacts;
  /** `default`, or a revision's name; each revision keeps entries of its own. */
  readonly revision: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

interface StatusObject extends KubeObject {
  readonly status?: { readonly conditions?: readonly StatusCondition[]; readonly observedGeneration?: number };
}

/**
 * An edit is followed by a report of what has come of it, which tells all there is to write; only when none has come
 * within this time, in milliseconds, is it looked at without one.
 */
const reportWithinMs = 300;

/** A subject that needed no write, and why it needs none until something is another. */
interface Settled {
  readonly subject: StatusSubject;
  readonly facts: readonly DeliveryFact[];
  /** It is programmed at its generation, which only a refusal changes. */
  readonly programmed: boolean;
}

/**
 * Writes the conditions of every mesh resource of its cluster. Runs only on the lease holder of its revision. It reads the
 * conditions that stand once, at the start; from then on it alone writes its entries.
 */
export function createStatusController(options: StatusControllerOptions): Component {
  const { client, subjects, delivery, revision, clock, logger } = options;
  const prefix = revision === 'default' ? '' : `${revision}.istio.io/`;
  const fieldManager = `lateen-${revision}/status`;
  const standing = new Map<SourceKey, { readonly uid: string; readonly conditions: readonly StatusCondition[] }>();
  const settled = new Map<SourceKey, Settled>();
  let reported: readonly DeliveryReport[] = [];
  let facts: ReadonlyMap<SourceKey, readonly DeliveryFact[]> = new Map();
  let replicas = 0;
  /** The subjects that were looked at last, with the facts of then; undefined once there are others. */
  let looked: readonly StatusSubject[] | undefined;
  /** Since the subjects were looked at last. */
  let edited = false;

  function readStandingOf({ key, uid }: StatusSubject): readonly StatusCondition[] {
    const known = standing.get(key);
    return known?.uid === uid ? known.conditions : [];
  }

  function plan(subject: StatusSubject, now: string): readonly StatusCondition[] | undefined {
    const previous = readStandingOf(subject);
    const resolved = resolveDelivery(facts.get(subject.key) ?? [], replicas, subject.uid, subject.generation);
    const input: ConditionFacts = { ...subject, ...(resolved === undefined ? {} : { delivery: resolved }) };
    return planConditions(input, previous, now, prefix);
  }

  const queue = createWorkQueue({
    name: 'status',
    workers: 4,
    rate: { perSecond: 100, burst: 200 },
    clock,
    random: options.random,
    logger,
    reconcile: async (key, signal) => {
      const subject = subjects.find(key);
      if (subject === undefined) {
        standing.delete(key);
        return;
      }
      const conditions = plan(subject, renderTime(clock.now()));
      if (conditions === undefined) return;
      if (await write(subject, conditions, signal)) standing.set(key, { uid: subject.uid, conditions });
    },
  });

  /**
   * False when the resource is gone: the watch will say so. Fails with `conflict` where it was made anew, or written by many
   * others at once, and is tried again.
   */
  async function write(
    subject: StatusSubject,
    conditions: readonly StatusCondition[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const status = prefix === '' ? { observedGeneration: subject.generation, conditions } : { conditions };
    const metadata = { namespace: subject.namespace, name: subject.name, uid: subject.uid };
    try {
      await client.applyStatus(resourceOf(subject.kind), { metadata, status }, { fieldManager, force: true, signal });
      return true;
    } catch (thrown) {
      if (!(thrown instanceof KubeError) || thrown.code !== 'not-found') throw thrown;
      logger.debug('a resource went before its status could be written', { key: subject.key });
      return false;
    }
  }

  function takeOver(reports: readonly DeliveryReport[]): void {
    if (sameMembers(reported, reports)) return;
    reported = reports;
    facts = indexFacts(reports);
    if (replicas !== reports.length) settled.clear();
    replicas = reports.length;
    looked = undefined;
  }

  function enqueueChanged(): void {
    edited = false;
    const all = subjects.all();
    if (all === looked) return;
    const present = new Set<SourceKey>();
    const now = renderTime(clock.now());
    for (const subject of all) {
      present.add(subject.key);
      const own = facts.get(subject.key) ?? NO_FACTS;
      const before = settled.get(subject.key);
      if (before?.subject === subject && saysNothingNew(before, own)) continue;
      if (plan(subject, now) === undefined) {
        const programmed = isProgrammed(readStandingOf(subject), prefix, subject.generation);
        settled.set(subject.key, { subject, facts: own, programmed });
      } else {
        settled.delete(subject.key);
        queue.add(subject.key);
      }
    }
    for (const key of standing.keys()) if (!present.has(key)) standing.delete(key);
    for (const key of settled.keys()) if (!present.has(key)) settled.delete(key);
    looked = all;
  }

  /** Until it has been read: a replica often comes to lead while the API server is on its way up or down. */
  async function readStanding(signal: AbortSignal): Promise<void> {
    const backoff = createBackoff({ random: options.random });
    let isWhole = false;
    while (!signal.aborted) {
      try {
        await readStandingOnce(signal, isWhole);
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        // A list in pages may outlive what the server remembers.
        isWhole = isExpired(thrown);
        const retryInMs = Math.round(backoff.next());
        logger.warn('the status that stands cannot be read', { error: LateenError.from(thrown), retryInMs });
        await pause(clock, retryInMs, signal);
      }
    }
  }

  async function readStandingOnce(signal: AbortSignal, isWhole: boolean): Promise<void> {
    const pages = { signal, ...(isWhole ? { pageSize: 0 } : {}) };
    const byName = new Map<string, SourceKey>();
    for (const subject of subjects.all())
      byName.set(`${subject.kind}/${subject.namespace}/${subject.name}`, subject.key);
    for (const kind of new Set(subjects.all().map((subject) => subject.kind))) {
      await client.readPages<StatusObject>(resourceOf(kind), pages, (objects) => {
        for (const { metadata, status } of objects) {
          const key = byName.get(`${kind}/${metadata.namespace ?? ''}/${metadata.name}`);
          if (key !== undefined) standing.set(key, { uid: metadata.uid ?? '', conditions: status?.conditions ?? [] });
        }
      });
    }
  }

  return {
    name: 'status controller',
    run: async (signal) => {
      await readStanding(signal);
      if (signal.aborted) return;
      const lookAtEdits = createCoalescer(clock, signal, reportWithinMs, () => {
        if (edited) enqueueChanged();
      });
      const stop = subjects.onChange(() => {
        edited = true;
        lookAtEdits();
      });
      try {
        await Promise.all([
          queue.run(signal),
          delivery.watch((reports) => {
            takeOver(reports);
            enqueueChanged();
          }, signal),
        ]);
      } finally {
        stop();
      }
    },
  };
}

const NO_FACTS: readonly DeliveryFact[] = [];

function saysNothingNew({ facts, programmed }: Settled, now: readonly DeliveryFact[]): boolean {
  if (sameMembers(facts, now)) return true;
  return programmed && !now.some(({ rejection }) => rejection !== undefined);
}

function resourceOf(kind: string): Resource {
  const definition = Object.values(kinds).find((candidate) => candidate.kind === kind);
  if (definition === undefined) throw new KubeError('internal', `${kind} is no mesh kind`);
  return {
    group: definition.group,
    version: definition.storageVersion,
    plural: definition.plural,
    kind,
    namespaced: definition.namespaced,
  };
}

/** RFC 3339 in whole seconds, as `lastTransitionTime` wants it. */
function renderTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
}
