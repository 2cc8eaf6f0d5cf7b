/** The life of a process: components start in order, run together, and stop in the opposite order within a bound. */
import { type Clock, type Component, LateenError, nextTurn, systemClock, untilAborted } from './core/index.ts';
import { type Logger, silentLogger } from './logger.ts';

export interface RunOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Longest time from the signal, or the first failure, until all components must have stopped. Default 20 s. */
  readonly shutdownMs?: number;
}

interface Running {
  readonly component: Component;
  readonly stop: AbortController;
  /** Resolves when the component ended, whatever the reason. */
  readonly ended: Promise<void>;
  failure: LateenError | undefined;
  over: boolean;
}

/**
 * Runs until the signal aborts (then resolves) or a component fails or ends by itself (then rejects with that). Either
 * way every component is stopped first, the last one started first, each only after those that started later have ended.
 * Rejects with `deadline` naming the components that did not stop in time.
 */
export async function runComponents(
  components: readonly Component[],
  signal: AbortSignal,
  options: RunOptions = {},
): Promise<void> {
  const { clock = systemClock, logger = silentLogger, shutdownMs = 20_000 } = options;
  const over = new AbortController();
  const running: Running[] = [];
  for (const component of components) {
    if (signal.aborted) break;
    running.push(start(component, over, logger));
  }
  await untilAborted(AbortSignal.any([signal, over.signal]));
  await stopAll(running, clock, shutdownMs, logger);
  const failed = running.find((one) => one.failure !== undefined && over.signal.reason === one.failure);
  if (failed?.failure !== undefined) throw failed.failure;
}

function start(component: Component, over: AbortController, logger: Logger): Running {
  const stop = new AbortController();
  logger.info('component starts', { component: component.name });
  const settle = (thrown?: unknown) => {
    one.over = true;
    if (stop.signal.aborted && thrown === undefined) return;
    one.failure =
      thrown === undefined
        ? new LateenError('internal', `${component.name} ended by itself`)
        : LateenError.from(thrown);
    if (stop.signal.aborted && one.failure.code === 'aborted') return;
    logger.error('component failed', { component: component.name, error: one.failure });
    over.abort(one.failure);
  };
  const one: Running = {
    component,
    stop,
    failure: undefined,
    over: false,
    ended: launch(component, stop.signal).then(() => settle(), settle),
  };
  return one;
}

/** Turns a synchronous throw into a rejection. */
async function launch(component: Component, signal: AbortSignal): Promise<void> {
  await component.run(signal);
}

async function stopAll(running: readonly Running[], clock: Clock, shutdownMs: number, logger: Logger): Promise<void> {
  const late = new AbortController();
  const inTime = new AbortController();
  const limit = clock.sleep(shutdownMs, inTime.signal).then(
    () => late.abort(),
    // Cancelled because everything stopped.
    () => undefined,
  );
  for (const one of [...running].reverse()) {
    one.stop.abort(new LateenError('aborted', 'the process is stopping'));
    // Past the limit nobody is waited for, but everybody is still told to stop.
    if (!late.signal.aborted) await Promise.race([one.ended, untilAborted(late.signal)]);
    if (one.over) logger.info('component stopped', { component: one.component.name });
  }
  inTime.abort();
  await limit;
  // Those who were told last get a turn to say that they are done.
  await nextTurn();
  const stuck = running.filter((one) => !one.over).map((one) => one.component.name);
  if (stuck.length > 0) throw new LateenError('deadline', `did not stop within ${shutdownMs} ms: ${stuck.join(', ')}`);
}
