/** Workloads outside of Kubernetes that this replica is connected to: their WorkloadEntries and their health. */
import type { KubeClient } from '#kube/index.ts';
import { type Clock, type Component, createWorkQueue, LateenError, type Logger, type Requeue } from '#runtime/index.ts';
import { admitClaim, type WorkloadClaim } from './claim.ts';
import { cleanUpEntry } from './cleanup.ts';
import { planHealth, type ReportedHealth } from './health.ts';
import type { RegistrationMetrics } from './metrics.ts';
import { placeAfter } from './moment.ts';
import { findOrigin, isWithoutOrigin, planEntry, renderOrigin } from './origin.ts';
import type { WorkloadEntryRecord, WorkloadRecords } from './records.ts';
import { type WorkloadSession, WorkloadSessions } from './sessions.ts';
import {
  createWorkloadEntryStore,
  isOvertaken,
  type Marks,
  parseEntryKey,
  parseMarks,
  type WorkloadEntryObject,
} from './store.ts';

export interface WorkloadRegistrationOptions {
  readonly client: KubeClient;
  readonly records: WorkloadRecords;
  /** Unique name of this replica. */
  readonly controller: string;
  /** How long a workload may be away before its entry goes, in milliseconds. */
  readonly graceMs: number;
  readonly metrics: RegistrationMetrics;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

export interface WorkloadRegistration extends Component {
  /**
   * A stream about a workload opened. Throws LateenError with what the client is to know when it may not be served.
   * @param connectedAt milliseconds since the epoch
   */
  connected(claim: WorkloadClaim, connectedAt: number): void;
  reported(connectionId: string, health: { readonly healthy: boolean; readonly message: string }): void;
  disconnected(connectionId: string): void;
  /** Whether a workload by this entry (`namespace/name`) is connected to this replica. */
  serves(key: string): boolean;
}

/** A workload that left this replica; times are milliseconds since the epoch. */
interface Departure extends WorkloadSession {
  readonly disconnectedAt: number;
}

/** Entries that may wait to be written: whoever comes and goes faster than that is not kept in mind. */
const mostWaiting = 10_000;

/**
 * Every replica keeps the entries of the workloads that are connected to it. An entry bears the mark of the replica that its
 * workload came to last; the one that it left changes nothing any more.
 */
export function createWorkloadRegistration(options: WorkloadRegistrationOptions): WorkloadRegistration {
  const { client, records, controller, graceMs, metrics, clock, logger } = options;
  const store = createWorkloadEntryStore(client);
  const sessions = new WorkloadSessions();
  const departures = new Map<string, Departure>();
  /** By connection: those that came before it could be known whether they may. Nothing is written about them before. */
  const waiting = new Map<string, WorkloadSession>();
  /** By entry: what it was written from last. */
  const written = new Map<string, string>();

  const queue = createWorkQueue({
    name: 'workloads',
    workers: 8,
    rate: { perSecond: 100, burst: 200 },
    backoff: { baseMs: 50, maxMs: 30_000 },
    clock,
    random: options.random,
    logger,
    reconcile: async (key, signal) => {
      try {
        return await reconcile(key, signal);
      } catch (thrown) {
        if (!isOvertaken(thrown)) metrics.failed();
        throw thrown;
      }
    },
  });

  async function reconcile(key: string, signal: AbortSignal): Promise<Requeue | undefined> {
    const live = await store.find(key, signal);
    const serving = sessions.serving(key);
    const departure = departures.get(key);
    if (serving === undefined && departure !== undefined) return await depart(key, departure, live, signal);
    const standing = serving === undefined ? live : await welcome(key, serving, live, signal);
    if (standing !== undefined) await writeHealth(key, standing, signal);
    return undefined;
  }

  /** Gives the entry as it stands then; undefined while there is none. */
  async function welcome(
    key: string,
    { claim, connectedAt }: WorkloadSession,
    live: WorkloadEntryObject | undefined,
    signal: AbortSignal,
  ): Promise<WorkloadEntryObject | undefined> {
    const marks = parseMarks(live?.metadata.annotations);
    const group = findOrigin(records, claim, live && marks);
    if (cameElsewhere(marks, connectedAt) || isWithoutOrigin(live && marks, group)) return live;
    const from = renderOrigin(claim, group);
    const isOurs = marks.controller === controller && marks.connectedAt === connectedAt;
    if (live !== undefined && isOurs && written.get(key) === from) return live;
    const presence = { controller, connectedAt };
    const stands = await store.apply(live, planEntry(key, claim, group, presence), signal);
    written.set(key, from);
    if (live === undefined) metrics.registered();
    else if (!isOurs) metrics.updated();
    logger.info(live === undefined ? 'a workload is registered' : 'a workload is connected here', {
      ...parseEntryKey(key),
      ...(group === undefined ? {} : { group: group.name }),
      proxy: claim.connectionId,
    });
    return stands;
  }

  async function depart(
    key: string,
    departure: Departure,
    live: WorkloadEntryObject | undefined,
    signal: AbortSignal,
  ): Promise<Requeue | undefined> {
    const marks = parseMarks(live?.metadata.annotations);
    const { connectedAt, disconnectedAt } = departure;
    const forget = () => {
      if (departures.get(key) === departure) departures.delete(key);
      written.delete(key);
    };
    if (live === undefined || marks.controller !== controller || cameElsewhere(marks, connectedAt)) {
      forget();
      return undefined;
    }
    const isNoted = marks.connectedAt === undefined && marks.disconnectedAt === disconnectedAt;
    const stands = isNoted ? live : await noteDeparture(key, departure, live, signal);
    const rest = disconnectedAt + graceMs - clock.now();
    if (rest > 0) return { requeueAfterMs: rest };
    await cleanUpEntry({ store, metrics, logger }, stands, signal);
    forget();
    return undefined;
  }

  async function noteDeparture(
    key: string,
    { claim, disconnectedAt }: Departure,
    live: WorkloadEntryObject,
    signal: AbortSignal,
  ): Promise<WorkloadEntryObject> {
    const marks = parseMarks(live.metadata.annotations);
    const group = findOrigin(records, claim, marks);
    if (isWithoutOrigin(marks, group)) return live;
    const stands = await store.apply(live, planEntry(key, claim, group, { controller, disconnectedAt }), signal);
    written.delete(key);
    metrics.unregistered();
    logger.info('a workload has left', { ...parseEntryKey(key), graceMs });
    return stands;
  }

  async function writeHealth(key: string, live: WorkloadEntryObject, signal: AbortSignal): Promise<void> {
    const reported = sessions.health(key);
    if (reported === undefined || !parseMarks(live.metadata.annotations).checksHealth) return;
    const condition = planHealth(reported, live.status?.conditions ?? []);
    if (condition === undefined) return;
    await store.applyHealth(live, condition, signal);
    const { status, message } = condition;
    logger.info('the health of a workload changed', {
      ...parseEntryKey(key),
      healthy: status === 'True',
      reason: message,
    });
  }

  /** The workload has come to another replica since. */
  const cameElsewhere = (marks: Pick<Marks, 'controller' | 'connectedAt'>, connectedAt: number): boolean =>
    marks.controller !== undefined && marks.controller !== controller && (marks.connectedAt ?? 0) > connectedAt;

  /** By what is known of it the entry is not as this replica would have it. What is known may lag behind what was written. */
  function isDue(key: string): boolean {
    const entry = knownOf(key);
    const health = sessions.health(key);
    if (entry?.checksHealth && health !== undefined && entry.healthy !== health.healthy) return true;
    const serving = sessions.serving(key);
    if (serving === undefined) return false;
    const { claim, connectedAt } = serving;
    const group = findOrigin(records, claim, entry);
    if (isWithoutOrigin(entry, group)) return false;
    if (entry === undefined) return true;
    if (cameElsewhere(entry, connectedAt)) return false;
    const from = renderOrigin(claim, group);
    return entry.controller !== controller || entry.connectedAt !== connectedAt || written.get(key) !== from;
  }

  const enqueueDue = () => {
    for (const key of sessions.keys()) if (isDue(key)) queue.add(key);
  };

  function receive(session: WorkloadSession): void {
    const { claim, connectedAt, health } = session;
    const key = refusing(() => admitClaim(claim, records));
    if (key === undefined) return;
    if (queue.depth + waiting.size >= mostWaiting) {
      metrics.failed();
      throw new LateenError('unavailable', 'too many workloads come and go at once');
    }
    if (!records.synced()) {
      waiting.set(claim.connectionId, session);
      return;
    }
    sessions.add(key, {
      claim,
      connectedAt: placeAfter(connectedAt, knownOf(key)?.connectedAt, sessions.serving(key)?.connectedAt),
    });
    if (health !== undefined) note(claim.connectionId, health);
    if (!claim.serves) return;
    departures.delete(key);
    queue.add(key);
  }

  function note(connectionId: string, health: ReportedHealth): void {
    const found = sessions.find(connectionId);
    if (found === undefined) return;
    const { key, session } = found;
    session.health = { ...health, at: placeAfter(health.at, knownOf(key)?.reportedAt, sessions.health(key)?.at) };
    queue.add(key);
  }

  function knownOf(key: string): WorkloadEntryRecord | undefined {
    const { namespace, name } = parseEntryKey(key);
    return records.entry(namespace, name);
  }

  void records.whenSynced.then(() => {
    for (const [connectionId, session] of waiting) {
      waiting.delete(connectionId);
      try {
        receive(session);
      } catch (thrown) {
        // What it is served meanwhile is what any proxy is.
        logger.warn('a workload may not be registered', { proxy: connectionId, error: LateenError.from(thrown) });
      }
    }
  });

  return {
    name: 'workload registration',
    connected: (claim, connectedAt) => receive({ claim, connectedAt }),
    reported(connectionId, { healthy, message }) {
      const health = { healthy, message, at: clock.now() };
      const early = waiting.get(connectionId);
      if (early !== undefined) early.health = health;
      else note(connectionId, health);
    },
    disconnected(connectionId) {
      waiting.delete(connectionId);
      const left = sessions.remove(connectionId);
      if (left === undefined || !left.session.claim.serves) return;
      if (sessions.serving(left.key) === undefined)
        departures.set(left.key, { ...left.session, disconnectedAt: clock.now() });
      queue.add(left.key);
    },
    serves: (key) => sessions.serving(key) !== undefined,
    run: async (signal) => {
      const stop = records.onChange(enqueueDue);
      try {
        await queue.run(signal);
      } finally {
        stop();
      }
    },
  };

  function refusing<T>(admit: () => T): T {
    try {
      return admit();
    } catch (thrown) {
      metrics.failed();
      throw LateenError.from(thrown);
    }
  }
}
