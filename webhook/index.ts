/**
 * Owns: admission: sidecar and gateway injection into pods, validation of mesh resources, and the HTTPS server for both.
 * May import: api, model, runtime (types of @kubernetes/client-node).
 * Invariants: injection is a pure function of pod and settings and builds objects, never text; a pod is injected wholly or
 * refused with the annotation's path; a pod that has its sidecar is left alone; no request costs more than its bounded body.
 */
export { buildInjectedPod, type InjectionContext, type InjectionResult } from './inject/build.ts';
export { type DecisionInput, isSelected, resolveSkipReason, type SelectionInput } from './inject/decide.ts';
export { type InjectionSettings, type ResolvedSettings, resolveInjectionSettings } from './inject/settings.ts';
export { declareInjectionMetrics, type InjectionMetrics, type InjectionSource } from './injector.ts';
export { buildPatch, type PatchOperation } from './patch.ts';
export {
  declareValidationMetrics,
  type ServerCertificateSource,
  type ValidationMetrics,
  WebhookServer,
  type WebhookServerOptions,
} from './server.ts';
export { validateResource } from './validate.ts';
