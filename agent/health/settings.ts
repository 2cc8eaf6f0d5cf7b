/** The readiness probe of a workload outside of Kubernetes: ProxyConfig's `readinessProbe`, as a WorkloadGroup's `probe`. */
import { LateenError } from '#runtime/core/index.ts';
import type { Problems } from '../proxy/proxyconfig.ts';
import { type ProbeTarget, parseTarget } from '../status/probes.ts';

export type HealthTarget = ProbeTarget | { readonly kind: 'exec'; readonly command: readonly [string, ...string[]] };

export interface HealthSettings {
  readonly target: HealthTarget;
  /** Milliseconds. */
  readonly initialDelay: number;
  readonly timeout: number;
  readonly period: number;
  /** How many probes in a row make it healthy, or unhealthy. */
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

const at = 'PROXY_CONFIG.readinessProbe';

/** Undefined where nothing is probed. Defaults are Istio's; a count of 0 stands for the default. */
export function parseHealthSettings(probe: unknown, problems: Problems): HealthSettings | undefined {
  if (probe === undefined || probe === null) return undefined;
  if (typeof probe !== 'object' || Array.isArray(probe)) {
    problems.add(`${at}: not an object`);
    return undefined;
  }
  const fields: Readonly<Record<string, unknown>> = { ...probe };
  const count = (name: string, fallback: number) => {
    const value = fields[name] ?? 0;
    if (!Number.isInteger(value) || Number(value) < 0) problems.add(`${at}.${name}: not a whole number`);
    return Number(value) || fallback;
  };
  try {
    return {
      target: fields.exec === undefined ? parseTarget(fields) : parseCommand(fields.exec),
      initialDelay: 1000 * count('initialDelaySeconds', 0),
      timeout: 1000 * count('timeoutSeconds', 1),
      period: 1000 * count('periodSeconds', 10),
      successThreshold: count('successThreshold', 1),
      failureThreshold: count('failureThreshold', 1),
    };
  } catch (error) {
    problems.add(`${at}: ${LateenError.from(error).message}`);
    return undefined;
  }
}

function parseCommand(exec: unknown): HealthTarget {
  const list: unknown = typeof exec === 'object' && exec !== null && 'command' in exec ? exec.command : undefined;
  const [program, ...args] = Array.isArray(list) ? list.map(String) : [];
  if (program === undefined || program === '') throw new LateenError('invalid', 'exec.command: names no program');
  return { kind: 'exec', command: [program, ...args] };
}
