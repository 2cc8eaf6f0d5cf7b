import { createHash } from 'node:crypto';
import { type KubeObject, trimMetadata } from '#kube/index.ts';

/** What is kept of a child in memory: who it is, a fingerprint of everything that is not status, and what health needs. */
export interface ObservedChild extends KubeObject {
  /** Equal fingerprints mean that nobody touched anything but status. */
  readonly fingerprint: string;
  /** Only of Deployments. */
  readonly deployment?: ObservedDeployment;
}

export interface ObservedDeployment {
  readonly replicas: number;
  readonly observedGeneration: number;
  readonly updatedReplicas: number;
  readonly availableReplicas: number;
  readonly totalReplicas: number;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
  }[];
}

interface RawDeployment {
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly conditions?: ObservedDeployment['conditions'];
  };
}

const KEPT = ['namespace', 'uid', 'resourceVersion', 'generation', 'labels', 'deletionTimestamp'] as const;

/** Trims an object from the API server to what the operator remembers of it. */
export function observeChild(object: KubeObject, kind: string): ObservedChild {
  return {
    metadata: trimMetadata(object.metadata, KEPT),
    fingerprint: fingerprint(object),
    ...(kind === 'Deployment' ? { deployment: observeDeployment(object as RawDeployment) } : {}),
  };
}

function observeDeployment({ spec, status }: RawDeployment): ObservedDeployment {
  return {
    replicas: spec?.replicas ?? 1,
    observedGeneration: status?.observedGeneration ?? 0,
    updatedReplicas: status?.updatedReplicas ?? 0,
    availableReplicas: status?.availableReplicas ?? 0,
    totalReplicas: status?.replicas ?? 0,
    conditions: status?.conditions ?? [],
  };
}

/** A hash of an object without its status and without what changes by itself. */
function fingerprint(object: KubeObject): string {
  const { status: _, ...rest } = object as KubeObject & { readonly status?: unknown };
  const { resourceVersion: _v, generation: _g, managedFields: _m, ...metadata } = object.metadata;
  return createHash('sha256')
    .update(JSON.stringify({ ...rest, apiVersion: '', kind: '', metadata }))
    .digest('base64');
}
