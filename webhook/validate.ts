import { type Diagnostic, kinds } from '#api/index.ts';
import type { AdmissionRequest, AdmissionVerdict } from './admission.ts';

const known = new Map(Object.values(kinds).map((kind) => [`${kind.group}/${kind.kind}`, kind]));
const groups = new Set(Object.values(kinds).map((kind) => kind.group));

/** Whether a mesh resource may be stored: refused with the path and reason of every mistake, warned about what has no effect. */
export function validateResource(request: AdmissionRequest): AdmissionVerdict {
  const { group, version, kind, operation, object } = request;
  if (operation === 'DELETE') return { allowed: true };
  const definition = known.get(`${group}/${kind}`);
  if (!definition?.versions.includes(version)) {
    const warnings = groups.has(group) ? [`${kind} of ${group}/${version} is not known here and has no effect`] : [];
    return { allowed: true, warnings };
  }
  const parsed = definition.parse(object);
  if (!parsed.ok)
    return { allowed: false, message: `${kind} ${request.name}: ${parsed.errors.map(renderDiagnostic).join('; ')}` };
  return { allowed: true, warnings: parsed.warnings.map(renderDiagnostic) };
}

/** Whether a caller names a kind that we serve; what it names otherwise must not become a metric's label. */
export function isServed({ group, version, kind }: AdmissionRequest): boolean {
  return known.get(`${group}/${kind}`)?.versions.includes(version) === true;
}

export function renderDiagnostic({ path, message }: Diagnostic): string {
  return path === '' ? message : `${path}: ${message}`;
}
