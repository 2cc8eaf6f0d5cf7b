/** AdmissionReview v1 (admission.k8s.io): what the API server asks and how it is answered. */
import { LateenError } from '#runtime/core/index.ts';
import type { PatchOperation } from './patch.ts';

export interface AdmissionRequest {
  readonly uid: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly operation: string;
  readonly name: string;
  readonly namespace: string;
  /** Absent when something is deleted. */
  readonly object: unknown;
}

export type AdmissionVerdict =
  | { readonly allowed: true; readonly patch?: readonly PatchOperation[]; readonly warnings?: readonly string[] }
  | { readonly allowed: false; readonly message: string; readonly warnings?: readonly string[] };

/** Throws LateenError (`invalid`) for anything but an AdmissionReview that asks something. */
export function parseAdmissionReview(json: unknown): AdmissionRequest {
  const review = asObject(json, 'the body');
  if (review.kind !== 'AdmissionReview' || review.apiVersion !== 'admission.k8s.io/v1') {
    throw new LateenError('invalid', 'not an AdmissionReview of admission.k8s.io/v1');
  }
  const request = asObject(review.request, 'request');
  const kind = asObject(request.kind, 'request.kind');
  const uid = text(request.uid);
  if (uid === '') throw new LateenError('invalid', 'request.uid is missing');
  return {
    uid,
    group: text(kind.group),
    version: text(kind.version),
    kind: text(kind.kind),
    operation: text(request.operation),
    name: text(request.name),
    namespace: text(request.namespace),
    object: request.object,
  };
}

/** Longer warnings are cut by the API server, and many are dropped. */
const maxWarning = 250;
const maxWarnings = 20;

export function renderAdmissionReview(uid: string, verdict: AdmissionVerdict): object {
  const warnings = (verdict.warnings ?? [])
    .slice(0, maxWarnings)
    .map((warning) => (warning.length > maxWarning ? `${warning.slice(0, maxWarning - 1)}…` : warning));
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed: verdict.allowed,
      ...(warnings.length > 0 ? { warnings } : {}),
      ...(verdict.allowed
        ? renderPatch(verdict.patch ?? [])
        : { status: { code: 400, reason: 'BadRequest', message: verdict.message } }),
    },
  };
}

function renderPatch(patch: readonly PatchOperation[]): object {
  if (patch.length === 0) return {};
  return { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
}

function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new LateenError('invalid', `${what} is not an object`);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
