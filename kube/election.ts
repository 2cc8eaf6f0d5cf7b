import { type Clock, type Component, LateenError, pause, systemClock } from '#runtime/core/index.ts';
import type { KubeClient } from './client.ts';
import {
  isFree,
  type Lease,
  type LeaseClaim,
  type Observation,
  observe,
  readLease,
  releaseLease,
  writeLease,
} from './lease.ts';

export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** The Lease's name: one per purpose and revision. */
  readonly name: string;
  /** Unique per process, e.g. the pod's name. */
  readonly identity: string;
  /**
   * The leader's work; the signal aborts when leadership ends. It must stop promptly then: the lease is given up or
   * contended for again only after it has settled. When it rejects, the lease is released and `run` rejects.
   */
  readonly onStarted: (signal: AbortSignal) => Promise<void>;
  /** After the work has stopped. */
  readonly onStopped?: () => void;
  readonly onTrouble?: (error: LateenError) => void;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** How long others wait after the last renewal that they saw. Whole seconds; default 15,000. */
  readonly leaseDurationMs?: number;
  /** Work stops this long after the last renewal that succeeded; less than the lease's duration. Default 10,000. */
  readonly renewDeadlineMs?: number;
  /** Default 2,000. */
  readonly retryPeriodMs?: number;
}

export interface LeaderElection extends Component {
  /** True only while the lease was renewed recently enough; safe to ask right before a write. */
  readonly isLeader: boolean;
  /** The holder last seen, empty when there is none. */
  readonly leader: string;
}

/** Contends for a Lease for as long as `run` lasts. All decisions are taken on the local monotonic clock. */
export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const leaseDurationMs = options.leaseDurationMs ?? 15_000;
  const renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
  const retryPeriodMs = options.retryPeriodMs ?? 2_000;
  const { client } = options;
  const claim: LeaseClaim = {
    namespace: options.namespace,
    name: options.name,
    identity: options.identity,
    durationSeconds: Math.ceil(leaseDurationMs / 1000),
  };
  let observation: Observation | undefined;
  let held: { readonly lease: Lease; readonly at: number } | undefined;

  const isHeld = () => held !== undefined && clock.monotonic() - held.at < renewDeadlineMs;
  /** How long the lease may still be relied on. */
  const leftMs = (whenNotHeld: number) =>
    held === undefined ? whenNotHeld : Math.max(0, held.at + renewDeadlineMs - clock.monotonic());

  /** One attempt to take or renew; the time before the call counts, so that a slow answer never lengthens the hold. */
  async function attempt(signal: AbortSignal): Promise<void> {
    const at = clock.monotonic();
    const limited = AbortSignal.any([
      signal,
      AbortSignal.timeout(Math.ceil(Math.min(renewDeadlineMs / 2, leftMs(renewDeadlineMs)))),
    ]);
    const seen = held === undefined ? await readLease(client, claim, limited) : held.lease;
    if (held === undefined && seen !== undefined) {
      observation = observe(observation, seen, at);
      if (!isFree(observation, claim.identity, at)) return;
    }
    const written = await writeLease(client, claim, seen, clock.now(), limited);
    if (written !== undefined) {
      held = { lease: written, at };
      observation = observe(observation, written, at);
    } else if (held !== undefined) {
      await reread(limited);
    }
  }

  /** Somebody wrote our lease: it may be ours still (an answer of our own got lost), or taken. */
  async function reread(signal: AbortSignal): Promise<void> {
    const seen = await readLease(client, claim, signal);
    if (seen !== undefined) observation = observe(observation, seen, clock.monotonic());
    held =
      seen?.spec?.holderIdentity === claim.identity && held !== undefined ? { lease: seen, at: held.at } : undefined;
  }

  async function tryAttempt(signal: AbortSignal): Promise<void> {
    try {
      await attempt(signal);
    } catch (thrown) {
      if (!signal.aborted) options.onTrouble?.(LateenError.from(thrown));
    }
  }

  async function lead(signal: AbortSignal): Promise<void> {
    const work = new AbortController();
    let failure: { readonly error: unknown } | undefined;
    const finished = options.onStarted(work.signal).then(
      () => work.abort(),
      (error: unknown) => {
        if (!work.signal.aborted) failure = { error };
        work.abort();
      },
    );
    const either = AbortSignal.any([signal, work.signal]);
    while (!either.aborted && isHeld()) {
      // Never sleep past the moment at which the work must stop.
      await pause(clock, Math.min(retryPeriodMs, leftMs(0)), either);
      if (either.aborted || !isHeld()) break;
      await tryAttempt(either);
    }
    work.abort(new LateenError('aborted', 'leadership ended'));
    await finished;
    options.onStopped?.();
    await release();
    if (failure !== undefined) throw failure.error;
  }

  async function release(): Promise<void> {
    const last = held;
    held = undefined;
    if (last === undefined) return;
    try {
      await releaseLease(client, last.lease, clock.now(), AbortSignal.timeout(retryPeriodMs));
    } catch (thrown) {
      options.onTrouble?.(LateenError.from(thrown));
    }
  }

  return {
    name: `election ${options.namespace}/${options.name}`,
    get isLeader() {
      return isHeld();
    },
    get leader() {
      return observation?.lease.spec?.holderIdentity ?? '';
    },
    async run(signal) {
      while (!signal.aborted) {
        await tryAttempt(signal);
        if (isHeld()) await lead(signal);
        await pause(clock, retryPeriodMs * (1 + 0.2 * random()), signal);
      }
    },
  };
}
