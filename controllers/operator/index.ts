/**
 * Owns: the operator: from an IstioOperator to the objects of an installation, and the truth about them in its status.
 * May import: api, kube, runtime, yaml; `adapter.ts` alone also @dot-i/k8s-operator and client-node.
 * Invariants: an IstioOperator that is wrong changes nothing that runs; rendering is pure; every object is applied by
 * server-side apply under one field manager per component; nothing is removed but by owner labels.
 */
export type { Installation, Owner } from './install/installation.ts';
export type { JsonObject } from './install/json.ts';
export { type PlanResult, planInstallation } from './install/plan.ts';
export { type Problem, renderProblems } from './install/problem.ts';
export { type Profiles, readProfiles } from './install/profiles.ts';
export { createOperator, finalizer, type OperatorOptions } from './operator.ts';
export type { ProbeWebhook } from './reconcile/ca-bundle.ts';
export { forceRemovalAnnotation } from './reconcile/removal.ts';
export type { Child } from './render/child.ts';
export { type Rendered, renderInstallation } from './render/index.ts';
