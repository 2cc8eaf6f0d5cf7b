/** What happens between SIGTERM and the end of Envoy: traffic in flight gets the time to finish. */
import { type Clock, LateenError } from '#runtime/core/index.ts';
import type { Logger } from '../log.ts';
import type { EnvoyAdmin } from './admin.ts';
import type { ProxySettings } from './settings.ts';

export interface DrainOptions {
  readonly admin: Pick<EnvoyAdmin, 'drain' | 'activeConnections'>;
  /** A gateway takes traffic on every listener, a sidecar keeps serving what its application still sends out. */
  readonly role: 'sidecar' | 'router';
  readonly settings: ProxySettings['drain'];
  readonly clock: Clock;
  readonly log: Logger;
}

const pollInterval = 1000;

/** Resolves when Envoy may be stopped; rejects with the signal's reason when there is no more time. */
export async function drainEnvoy(options: DrainOptions, signal: AbortSignal): Promise<void> {
  const { admin, role, settings, clock, log } = options;
  try {
    await admin.drain(role === 'router' ? 'all' : 'inbound');
  } catch (error) {
    // Without its admin interface Envoy cannot be asked, only given time.
    log.warn('Envoy could not be told to drain', { error: LateenError.from(error).message });
  }
  if (!settings.untilIdle) {
    log.info('draining', { milliseconds: settings.duration });
    await clock.sleep(settings.duration, signal);
    return;
  }
  log.info('draining until no client is connected', { minimumMilliseconds: settings.minimum });
  await clock.sleep(settings.minimum, signal);
  for (;;) {
    const active = await admin.activeConnections().catch((error: unknown) => {
      log.warn('active connections unknown', { error: LateenError.from(error).message });
      return 0;
    });
    if (active === 0) return;
    log.debug('clients still connected', { connections: active });
    await clock.sleep(pollInterval, signal);
  }
}
