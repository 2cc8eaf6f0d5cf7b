import type { Workload } from '../types/inputs.ts';

/** A workload in telemetry: `name;namespace;canonical name;canonical revision;cluster`. */
export function describeWorkload(pod: Pick<Workload, 'labels' | 'workloadName' | 'namespace' | 'cluster'>): string {
  const canonicalName =
    pod.labels['service.istio.io/canonical-name'] ??
    pod.labels['app.kubernetes.io/name'] ??
    pod.labels.app ??
    pod.workloadName;
  const canonicalRevision =
    pod.labels['service.istio.io/canonical-revision'] ??
    pod.labels['app.kubernetes.io/version'] ??
    pod.labels.version ??
    'latest';
  return [pod.workloadName, pod.namespace, canonicalName, canonicalRevision, pod.cluster].join(';');
}
