/** Looks at the application again and again; tells when it has become healthy or unhealthy, and nothing in between. */
import { type Clock, type Component, pause } from '#runtime/core/index.ts';
import type { HealthSettings } from './settings.ts';

export interface HealthCheckOptions {
  readonly settings: Omit<HealthSettings, 'target' | 'timeout'>;
  /** Why the workload could not serve now; empty when it could. Never rejects. */
  readonly look: () => Promise<string>;
  /** Called at the first verdict, and then whenever it is another one. */
  readonly onChange: (health: { readonly healthy: boolean; readonly message: string }) => void;
  readonly clock: Clock;
}

export class HealthCheck implements Component {
  readonly name = 'health check';
  readonly #options: HealthCheckOptions;
  #healthy: boolean | undefined;
  /** How many looks in a row came to the same. */
  #run = { passed: true, length: 0 };

  constructor(options: HealthCheckOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { settings, look, clock } = this.#options;
    await pause(clock, settings.initialDelay, signal);
    while (!signal.aborted) {
      const reason = await look();
      if (signal.aborted) return;
      this.#note(reason);
      await pause(clock, settings.period, signal);
    }
  }

  #note(reason: string): void {
    const { settings, onChange } = this.#options;
    const passed = reason === '';
    this.#run = { passed, length: this.#run.passed === passed ? this.#run.length + 1 : 1 };
    const enough = passed ? settings.successThreshold : settings.failureThreshold;
    if (this.#run.length < enough || this.#healthy === passed) return;
    this.#healthy = passed;
    onChange({ healthy: passed, message: reason });
  }
}
