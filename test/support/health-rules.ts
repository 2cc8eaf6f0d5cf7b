/**
 * How two widely used tools read a status, written from their published rules: what our status means to people is what
 * these say. Argo CD's script for IstioOperator looks at `status.status` alone; kstatus (Flux, Helm's --wait) at the
 * generation and three conditions.
 */
export interface JudgedCondition {
  readonly type?: string | undefined;
  readonly status?: string | undefined;
  readonly observedGeneration?: number | string | undefined;
}

export interface Judged {
  readonly metadata: { readonly generation?: number | undefined; readonly deletionTimestamp?: string | undefined };
  readonly status?:
    | {
        readonly status?: string | undefined;
        readonly observedGeneration?: number | undefined;
        readonly conditions?: readonly JudgedCondition[] | undefined;
      }
    | undefined;
}

export type ArgoHealth = 'Healthy' | 'Progressing' | 'Degraded' | 'Unknown';

export function judgeLikeArgo(object: Judged): ArgoHealth {
  if (object.metadata.deletionTimestamp !== undefined) return 'Progressing';
  switch (object.status?.status) {
    case 'NONE':
      return 'Unknown';
    case 'HEALTHY':
      return 'Healthy';
    case 'ERROR':
      return 'Degraded';
    default:
      return 'Progressing';
  }
}

export type Kstatus = 'Terminating' | 'InProgress' | 'Failed' | 'Current';

export function judgeLikeKstatus(object: Judged): Kstatus {
  if (object.metadata.deletionTimestamp !== undefined) return 'Terminating';
  const { observedGeneration, conditions = [] } = object.status ?? {};
  if (observedGeneration !== undefined && observedGeneration !== object.metadata.generation) return 'InProgress';
  const has = (type: string) => conditions.some((condition) => condition.type === type && condition.status === 'True');
  if (has('Reconciling')) return 'InProgress';
  if (has('Stalled')) return 'Failed';
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready === undefined || ready.status === 'True' ? 'Current' : 'InProgress';
}

/** What a well-behaved status never is, by Flux's rules; one line per violation. */
export function findStatusFaults(object: Judged): readonly string[] {
  const { observedGeneration, conditions = [] } = object.status ?? {};
  const find = (type: string) => conditions.find((condition) => condition.type === type);
  const faults: string[] = [];
  for (const type of ['Reconciling', 'Stalled']) {
    if (find(type) !== undefined && find(type)?.status !== 'True') faults.push(`${type} is there without being True`);
  }
  if (find('Reconciling') && find('Stalled')) faults.push('Reconciling and Stalled together');
  const ready = find('Ready');
  if (ready?.status === 'True' && (find('Reconciling') ?? find('Stalled')))
    faults.push('Ready beside Reconciling or Stalled');
  if (ready?.status === 'True' && conditions.some((condition) => condition.observedGeneration !== observedGeneration)) {
    faults.push('Ready while a condition lags behind');
  }
  if (object.status?.status === 'HEALTHY' && ready?.status !== 'True') faults.push('HEALTHY without Ready');
  if (object.status?.status === 'ACTION_REQUIRED' && object.metadata.deletionTimestamp === undefined)
    faults.push('ACTION_REQUIRED for nothing');
  return faults;
}
