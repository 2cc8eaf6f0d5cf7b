/** Whether traffic may come: Envoy is live, its workers run, and the control plane has sent clusters and listeners once. */
import { LateenError } from '#runtime/core/index.ts';
import type { EnvoyAdmin } from '../proxy/admin.ts';

export interface ReadinessReport {
  readonly ready: boolean;
  /** Empty when ready; otherwise what is missing, for the kubelet's event. */
  readonly reason: string;
}

const watched = {
  state: 'server.state',
  clusters: 'cluster_manager.cds.update_success',
  listeners: 'listener_manager.lds.update_success',
  workers: 'listener_manager.workers_started',
} as const;

const filter = `^(${Object.values(watched)
  .map((name) => name.replaceAll('.', '\\.'))
  .join('|')})$`;

export class Readiness {
  readonly #admin: Pick<EnvoyAdmin, 'stats'>;
  /** What else must be there, in words; empty when it is. */
  readonly #missing: () => string;
  #ready = false;
  #closed: string | undefined;
  #onReady: () => void = () => undefined;

  constructor(admin: Pick<EnvoyAdmin, 'stats'>, missing: () => string = () => '') {
    this.#admin = admin;
    this.#missing = missing;
  }

  /** Once ready it stays so, without asking Envoy again, until Envoy restarts or the pod drains. */
  async report(): Promise<ReadinessReport> {
    if (this.#closed !== undefined) return { ready: false, reason: this.#closed };
    if (this.#ready) return { ready: true, reason: '' };
    try {
      const reason = describeMissing(await this.#admin.stats(filter)) || this.#missing();
      this.#ready = reason === '';
      if (this.#ready) this.#onReady();
      return { ready: this.#ready, reason };
    } catch (error) {
      return { ready: false, reason: `Envoy does not answer: ${LateenError.from(error).message}` };
    }
  }

  /** Called each time that Envoy is found ready after it was not. */
  onReady(listener: () => void): void {
    this.#onReady = listener;
  }

  /** A new Envoy starts from nothing. */
  reset(): void {
    this.#ready = false;
  }

  /** Not ready from here on, whatever Envoy says. */
  close(reason: string): void {
    this.#closed = reason;
  }
}

export function describeMissing(stats: ReadonlyMap<string, number>): string {
  const state = stats.get(watched.state);
  if (state !== 0) return `Envoy is not live (server state ${state ?? 'unknown'})`;
  const missing = [
    ...((stats.get(watched.clusters) ?? 0) > 0 ? [] : ['clusters (CDS)']),
    ...((stats.get(watched.listeners) ?? 0) > 0 ? [] : ['listeners (LDS)']),
  ];
  if (missing.length > 0) return `nothing accepted yet from the control plane: ${missing.join(', ')}`;
  return stats.get(watched.workers) === 1 ? '' : 'Envoy’s workers have not started';
}
