import { type Diagnostic, kinds } from '#api/index.ts';
import type { AdmissionRequest, AdmissionVerdict } from './admission.ts';

const known = new Map(Object.values(kinds).map((kind) => [`${kind.group}/${kind.kind}`, kind]));
/** Anybody may ask, and each value may be a mistake to be told of. An object that the API server can store has fewer. */
const mostValues = 100_000;
/** So many mistakes are told at once. */
const mostTold = 20;

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
  const refuse = (reason: string): AdmissionVerdict => ({
    allowed: false,
    message: `${kind} ${request.name}: ${reason}`,
  });
  if (holdsMoreThan(object, mostValues)) return refuse(`more than ${mostValues} values`);
  const parsed = definition.parse(object);
  if (!parsed.ok) return refuse(renderDiagnostics(parsed.errors));
  return { allowed: true, warnings: parsed.warnings.map(renderDiagnostic) };
}

/** Whether a caller names a kind that we serve; what it names otherwise must not become a metric's label. */
export function isServed({ group, version, kind }: AdmissionRequest): boolean {
  return known.get(`${group}/${kind}`)?.versions.includes(version) === true;
}

/** The first of them, and how many more there are. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const more = diagnostics.length - mostTold;
  const told = diagnostics.slice(0, mostTold).map(renderDiagnostic);
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

export function renderDiagnostic({ path, message }: Diagnostic): string {
  return path === '' ? message : `${path}: ${message}`;
}

function holdsMoreThan(root: unknown, limit: number): boolean {
  const open: unknown[] = [root];
  let seen = 0;
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const values: unknown[] = Object.values(value);
    seen += values.length;
    if (seen > limit) return true;
    for (const inner of values) open.push(inner);
  }
  return false;
}
