import { kinds } from '#api/index.ts';
import { createBackoff, isExpired, type KubeClient, KubeError, type ObjectMeta, type Resource } from '#kube/index.ts';
import {
  type Clock,
  type Component,
  createCoalescer,
  createWorkQueue,
  LateenError,
  type Logger,
  nextTurn,
  pause,
  sameMembers,
  TimeSlice,
} from '#runtime/index.ts';
import {
  type DeliveryFact,
  type DeliveryFacts,
  type DeliveryReport,
  indexFacts,
  resolveDelivery,
  type SourceKey,
} from '../delivery/facts.ts';
import {
  type ConditionFacts,
  isProgrammed,
  ownConditions,
  planConditions,
  type StatusCondition,
} from './conditions.ts';
import { RepairPace } from './repair-pace.ts';
import { StandingConditions } from './standing.ts';
import type { StatusObject, StatusSubject, StatusSubjects, StoredStatus } from './subjects.ts';

export interface StatusControllerOptions {
  readonly client: KubeClient;
  readonly subjects: StatusSubjects;
  readonly stored: StoredStatus;
  readonly delivery: DeliveryFacts;
  /** `default`, or a revision's name; each revision keeps entries of its own. */
  readonly revision: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

/**
 * An edit is followed by a report of what has come of it, which tells all there is to write; only when none has come
 * within this time, in milliseconds, is it looked at without one.
 */
const reportWithinMs = 300;

/** Longest stretch of looking at subjects, in milliseconds. */
const sliceMs = 10;

/** A subject that needed no write, and why it needs none until something is another. */
interface Settled {
  readonly subject: StatusSubject;
  readonly facts: readonly DeliveryFact[];
  /** It is programmed at its generation, which only a refusal changes. */
  readonly programmed: boolean;
}

/**
 * Writes the conditions of every mesh resource of its cluster. Runs only on the lease holder of its revision. It reads the
 * conditions that stand once, at the start; from then on it alone writes its entries, and those that another writer takes
 * away are written again.
 */
export function createStatusController(options: StatusControllerOptions): Component {
  const { client, subjects, stored, delivery, revision, clock, logger } = options;
  const prefix = revision === 'default' ? '' : `${revision}.istio.io/`;
  const fieldManager = `lateen-${revision}/status`;
  const standing = new StandingConditions();
  const repairs = new RepairPace(clock);
  const settled = new Map<SourceKey, Settled>();
  let reported: readonly DeliveryReport[] = [];
  let facts: ReadonlyMap<SourceKey, readonly DeliveryFact[]> = new Map();
  let replicas = 0;
  /** The subjects that were looked at last, with the facts of then; undefined once there are others. */
  let looked: readonly StatusSubject[] | undefined;
  /** Since the subjects were looked at last. */
  let edited = false;
  /** What goes on while subjects are looked at is looked at afterwards. */
  let looking = false;
  let again = false;

  function plan(subject: StatusSubject, now: string): readonly StatusCondition[] | undefined {
    const previous = standing.read(subject.key, subject.uid);
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
        forget(key);
        return;
      }
      const conditions = plan(subject, renderTime(clock.now())) ?? standing.findLost(key, subject.uid);
      if (conditions === undefined) return;
      if (await standing.write(key, conditions, () => write(subject, conditions, signal))) repair(key);
    },
  });

  function forget(key: SourceKey): void {
    standing.delete(key);
    repairs.delete(key);
  }

  /** Another writer may replace the whole list of conditions, or edit one. */
  function lookAtStored(key: SourceKey, { metadata, status }: StatusObject): void {
    if (standing.observe(key, { metadata, conditions: status?.conditions ?? [] })) repair(key);
  }

  function repair(key: SourceKey): void {
    const inMs = repairs.next(key);
    if (inMs > 0) logger.warn('another writer takes the status of a resource away, again and again', { key, inMs });
    queue.addAfter(key, inMs);
  }

  /**
   * What is stored then. Undefined when the resource is gone: the watch will say so. Fails with `conflict` where it was made
   * anew, or written by many others at once, and is tried again.
   */
  async function write(
    subject: StatusSubject,
    conditions: readonly StatusCondition[],
    signal: AbortSignal,
  ): Promise<ObjectMeta | undefined> {
    const status = prefix === '' ? { observedGeneration: subject.generation, conditions } : { conditions };
    const metadata = { namespace: subject.namespace, name: subject.name, uid: subject.uid };
    try {
      const draft = { metadata, status };
      const stored = await client.applyStatus(resourceOf(subject.kind), draft, { fieldManager, force: true, signal });
      return stored.metadata;
    } catch (thrown) {
      if (!(thrown instanceof KubeError) || thrown.code !== 'not-found') throw thrown;
      logger.debug('a resource went before its status could be written', { key: subject.key });
      return undefined;
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

  async function enqueueChanged(signal: AbortSignal): Promise<void> {
    again = true;
    if (looking) return;
    looking = true;
    while (again && !signal.aborted) {
      again = false;
      await enqueueChangedOnce(signal);
    }
    looking = false;
  }

  async function enqueueChangedOnce(signal: AbortSignal): Promise<void> {
    edited = false;
    const all = await subjects.all(signal);
    if (all === undefined || all === looked) return;
    // Before they are: reports that come meanwhile have them looked at again.
    looked = all;
    const present = new Set<SourceKey>();
    const now = renderTime(clock.now());
    const slice = new TimeSlice(sliceMs, () => clock.monotonic());
    for (const subject of all) {
      if (slice.isOver()) {
        await nextTurn();
        if (signal.aborted) return;
        slice.start();
      }
      present.add(subject.key);
      const own = facts.get(subject.key) ?? NO_FACTS;
      const before = settled.get(subject.key);
      if (before?.subject === subject && saysNothingNew(before, own)) continue;
      if (plan(subject, now) === undefined) {
        const conditions = standing.read(subject.key, subject.uid);
        const programmed = isProgrammed(conditions, prefix, subject.generation);
        settled.set(subject.key, { subject, facts: own, programmed });
      } else {
        settled.delete(subject.key);
        queue.add(subject.key);
      }
    }
    const isGone = (key: SourceKey): boolean => !present.has(key) && subjects.find(key) === undefined;
    for (const key of standing.keys()) if (isGone(key)) forget(key);
    for (const key of settled.keys()) if (isGone(key)) settled.delete(key);
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
    const all = (await subjects.all(signal)) ?? [];
    for (const subject of all) byName.set(`${subject.kind}/${subject.namespace}/${subject.name}`, subject.key);
    for (const kind of new Set(all.map((subject) => subject.kind))) {
      await client.readPages<StatusObject>(resourceOf(kind), pages, (objects) => {
        for (const { metadata, status } of objects) {
          const key = byName.get(`${kind}/${metadata.namespace ?? ''}/${metadata.name}`);
          const conditions = ownConditions(status?.conditions ?? [], prefix);
          if (key !== undefined) standing.set(key, { metadata, conditions });
        }
      });
    }
  }

  return {
    name: 'status controller',
    run: async (signal) => {
      /** What the watch reads before it is known what stands. */
      const early = new Map<SourceKey, StatusObject>();
      let look = (key: SourceKey, object: StatusObject): unknown => early.set(key, object);
      const stops = [stored.onRead((key, object) => look(key, object))];
      try {
        await readStanding(signal);
        if (signal.aborted) return;
        for (const [key, object] of early) lookAtStored(key, object);
        look = lookAtStored;
        const lookAtEdits = createCoalescer(clock, signal, reportWithinMs, () => {
          if (edited) void enqueueChanged(signal);
        });
        stops.push(
          subjects.onChange(() => {
            edited = true;
            lookAtEdits();
          }),
        );
        await Promise.all([
          queue.run(signal),
          delivery.watch((reports) => {
            takeOver(reports);
            void enqueueChanged(signal);
          }, signal),
        ]);
      } finally {
        for (const stop of stops) stop();
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
