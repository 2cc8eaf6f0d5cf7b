import type { WorkloadSettings } from '../install/installation.ts';
import type { Json, JsonObject } from '../install/json.ts';
import { overlay, overlayObject } from '../install/json.ts';
import { dropAbsent } from './child.ts';

/** An environment variable from a field of the pod. */
export function fieldEnv(name: string, fieldPath: string): JsonObject {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
}

/** The settings' variables over ours. */
export function mergeEnv(own: readonly JsonObject[], settings: WorkloadSettings): Json {
  return overlay(own, settings.env, 'env') ?? [];
}

/** An emptyDir volume; writable places of a container whose root file system is read-only. */
export function scratch(name: string, medium?: 'Memory'): JsonObject {
  return { name, emptyDir: medium === undefined ? {} : { medium } };
}

/** Container security context: nothing that the process does not need. */
export const restrictedContainer: JsonObject = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  privileged: false,
  readOnlyRootFilesystem: true,
};

/** Pod security context of uid 1337; the platform may assign ids instead. */
export function podSecurity(settings: WorkloadSettings, platformAssignsUser: boolean): JsonObject {
  const ids: JsonObject = platformAssignsUser ? {} : { runAsUser: 1337, runAsGroup: 1337, fsGroup: 1337 };
  return overlayObject(
    { ...ids, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    settings.securityContext ?? {},
  );
}

/** Where the pod may run. */
export function placement(settings: WorkloadSettings): JsonObject {
  return dropAbsent({
    affinity: settings.affinity,
    nodeSelector: settings.nodeSelector,
    tolerations: settings.tolerations,
    topologySpreadConstraints: settings.topologySpreadConstraints,
    priorityClassName: settings.priorityClassName,
  });
}

/** `replicas`, unless an HPA scales the Deployment. */
export function replicasOf(settings: WorkloadSettings): JsonObject {
  return settings.scaling.kind === 'fixed' && settings.scaling.replicas !== undefined
    ? { replicas: settings.scaling.replicas }
    : {};
}
