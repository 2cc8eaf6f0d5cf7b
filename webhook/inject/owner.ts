/** Which workload a pod belongs to, by its owner and the names that controllers give. */
import type { Pod } from './pod.ts';

export interface Workload {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
}

export function resolveWorkload(pod: Pod): Workload {
  const { name, generateName, labels = {}, ownerReferences = [] } = pod.metadata ?? {};
  const owner = ownerReferences.find((reference) => reference.controller === true);
  if (!owner) return { apiVersion: 'v1', kind: 'Pod', name: name ?? generateName?.replace(/-$/, '') ?? '' };
  const hash = labels['pod-template-hash'] ?? labels['rollouts-pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    const base = owner.name.slice(0, -hash.length - 1);
    return labels['rollouts-pod-template-hash'] === undefined
      ? { apiVersion: 'apps/v1', kind: 'Deployment', name: base }
      : { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', name: base };
  }
  const cron = /^(.+)-\d{8,10}$/.exec(owner.name)?.[1];
  if (owner.kind === 'Job' && cron !== undefined) return { apiVersion: 'batch/v1', kind: 'CronJob', name: cron };
  return { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name };
}

/** Istio's form of an owner: `kubernetes://apis/apps/v1/namespaces/default/deployments/reviews-v1`. */
export function renderOwner(workload: Workload, namespace: string): string {
  const { apiVersion, kind, name } = workload;
  return `kubernetes://apis/${apiVersion}/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`;
}
