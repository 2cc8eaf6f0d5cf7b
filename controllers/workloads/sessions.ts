/** The streams of this replica that are about WorkloadEntries, by entry. */
import type { WorkloadClaim } from './claim.ts';
import type { ReportedHealth } from './health.ts';

export interface WorkloadSession {
  readonly claim: WorkloadClaim;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  health?: ReportedHealth;
}

export class WorkloadSessions {
  readonly #byEntry = new Map<string, Map<string, WorkloadSession>>();
  readonly #entryOf = new Map<string, string>();

  add(key: string, session: WorkloadSession): void {
    const { connectionId } = session.claim;
    const streams = this.#byEntry.get(key) ?? new Map<string, WorkloadSession>();
    this.#byEntry.set(key, streams.set(connectionId, session));
    this.#entryOf.set(connectionId, key);
  }

  /** A stream, and the entry that it is about. */
  find(connectionId: string): { readonly key: string; readonly session: WorkloadSession } | undefined {
    const key = this.#entryOf.get(connectionId);
    const session = this.#byEntry.get(key ?? '')?.get(connectionId);
    return key === undefined || session === undefined ? undefined : { key, session };
  }

  /** Forgets a stream; gives what it was, and its entry. */
  remove(connectionId: string): { readonly key: string; readonly session: WorkloadSession } | undefined {
    const found = this.find(connectionId);
    if (found === undefined) return undefined;
    this.#entryOf.delete(connectionId);
    const streams = this.#byEntry.get(found.key);
    streams?.delete(connectionId);
    if (streams?.size === 0) this.#byEntry.delete(found.key);
    return found;
  }

  keys(): Iterable<string> {
    return this.#byEntry.keys();
  }

  /** The newest stream by which the workload can be reached. */
  serving(key: string): WorkloadSession | undefined {
    return newest(this.#of(key), (session) => (session.claim.serves ? session.connectedAt : undefined));
  }

  /** What was reported last. */
  health(key: string): ReportedHealth | undefined {
    return newest(this.#of(key), ({ health }) => health?.at)?.health;
  }

  #of(key: string): readonly WorkloadSession[] {
    return [...(this.#byEntry.get(key)?.values() ?? [])];
  }
}

function newest(
  sessions: readonly WorkloadSession[],
  time: (session: WorkloadSession) => number | undefined,
): WorkloadSession | undefined {
  let found: WorkloadSession | undefined;
  let latest = Number.NEGATIVE_INFINITY;
  for (const session of sessions) {
    const at = time(session);
    if (at === undefined || at < latest) continue;
    found = session;
    latest = at;
  }
  return found;
}
