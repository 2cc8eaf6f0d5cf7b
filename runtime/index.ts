/**
 * Owns: what any long-running process needs: lifecycle of components, logs, metrics, settings, the work queue,
 * how soon V8 compiles. What needs no package is in `runtime/core`, an entry of its own.
 * May import: pino, prom-client, zod.
 * Invariants: the environment is read nowhere (settings get it passed in); time and randomness are passed in; a queue
 * never runs one key twice at once; a process always stops within its bound.
 */
export { deferOptimization } from './compilation.ts';
export { type RunOptions, runComponents } from './components.ts';
export {
  type Clock,
  type Component,
  createCoalescer,
  type ErrorCode,
  LateenError,
  MemoryTidier,
  nextTurn,
  pause,
  sameMembers,
  systemClock,
  TerminalError,
  TimeSlice,
  untilAborted,
} from './core/index.ts';
export { type PresentedCredentials, readCredentials } from './credentials.ts';
export {
  createLogger,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  silentLogger,
} from './logger.ts';
export {
  type CounterMetric,
  createMetrics,
  type GaugeMetric,
  type HistogramMetric,
  type Labels,
  type MetricOptions,
  type Metrics,
} from './metrics.ts';
export { processSettings } from './process-settings.ts';
export {
  createWorkQueue,
  type Outcome,
  type QueueHooks,
  type Requeue,
  type WorkQueue,
  type WorkQueueOptions,
} from './queue.ts';
export { declareQueueMetrics } from './queue-metrics.ts';
export { Quota } from './quota.ts';
export { type Backoff, backoffDelay, createTokenBucket, type RateLimit, type TokenBucket } from './rate.ts';
export {
  describeSettings,
  durationSetting,
  ENVIRONMENT_PREFIX,
  type Environment,
  type Flags,
  parseSettings,
  renderProblems,
  type SettingDescription,
  type SettingProblem,
  type SettingsResult,
} from './settings.ts';
