/** The condition Healthy of a WorkloadEntry, from what its agent reports. */

export interface HealthCondition {
  readonly type: 'Healthy';
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly lastProbeTime: string;
  readonly lastTransitionTime: string;
}

export interface ReportedHealth {
  readonly healthy: boolean;
  /** Why not; empty when healthy. */
  readonly message: string;
  /** When it was reported, in milliseconds since the epoch. */
  readonly at: number;
}

type Known = Partial<Omit<HealthCondition, 'type' | 'status'>> & { readonly type: string; readonly status: string };

const longestMessage = 1024;

/**
 * The condition to write; undefined when what stands says the same already, or is newer: agents report changes, and each of
 * them again to every replica that they come to.
 */
export function planHealth(
  { healthy, message, at }: ReportedHealth,
  conditions: readonly Known[],
): HealthCondition | undefined {
  const before = conditions.find(({ type }) => type === 'Healthy');
  const status = healthy ? 'True' : 'False';
  const text = healthy
    ? 'the readiness probe succeeds'
    : message.slice(0, longestMessage) || 'the readiness probe fails';
  if (before?.status === status && before.message === text) return undefined;
  if (before !== undefined && Date.parse(before.lastProbeTime ?? '') > at) return undefined;
  const now = new Date(at).toISOString();
  return {
    type: 'Healthy',
    status,
    reason: healthy ? 'ProbeSucceeded' : 'ProbeFailed',
    message: text,
    lastProbeTime: now,
    lastTransitionTime: before?.status === status ? (before.lastTransitionTime ?? now) : now,
  };
}
