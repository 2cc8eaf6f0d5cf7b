/** Joins the parts that find out how the application is and tell the control plane. */
import type { Clock, Component } from '#runtime/core/index.ts';
import type { DiscoveryRequest } from '../discovery/ownstream.ts';
import type { Logger } from '../log.ts';
import type { Readiness } from '../status/readiness.ts';
import { HealthCheck } from './check.ts';
import { probeApplication } from './probing.ts';
import type { HealthSettings } from './settings.ts';
import { HealthTopic } from './topic.ts';

export interface HealthReportOptions {
  readonly settings: HealthSettings;
  /** Where the application is reached. */
  readonly address: string;
  readonly readiness: Pick<Readiness, 'report'>;
  /** Says something to the control plane now, if it can be reached. */
  readonly say: (typeUrl: string, request: DiscoveryRequest) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface HealthReport {
  readonly check: Component;
  readonly topic: HealthTopic;
}

/** Others reach the application through Envoy: while that is not ready, nothing behind it is. */
export function createHealthReport(options: HealthReportOptions): HealthReport {
  const { settings, address, readiness, say, clock, log } = options;
  const topic = new HealthTopic();
  const look = async () => {
    const { ready, reason } = await readiness.report();
    return ready ? await probeApplication(settings, address) : `the proxy is not ready: ${reason}`;
  };
  const check = new HealthCheck({
    settings,
    look,
    clock,
    onChange: (health) => {
      log.info('the application’s health changed', { healthy: health.healthy, reason: health.message });
      say(topic.typeUrl, topic.note(health));
    },
  });
  return { check, topic };
}
