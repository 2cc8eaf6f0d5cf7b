import type { Overlay } from '../install/installation.ts';
import { isObject, type Json } from '../install/json.ts';
import type { Problem } from '../install/problem.ts';
import type { Child, ChildObject } from './child.ts';

/** Applies `k8s.overlays` to the rendered objects; a patch that fits nothing is a problem, not silence. */
export function applyOverlays(
  children: readonly Child[],
  overlays: readonly Overlay[],
): { readonly children: readonly Child[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  let patched = children;
  for (const overlay of overlays) {
    const index = patched.findIndex(
      ({ resource, object }) => resource.kind === overlay.kind && object.metadata.name === overlay.name,
    );
    const child = patched[index];
    if (child === undefined) {
      problems.push({
        path: overlay.label,
        message: `no ${overlay.kind} "${overlay.name}" is installed by this component`,
      });
      continue;
    }
    let object: Json = child.object as Json;
    for (const [number, patch] of overlay.patches.entries()) {
      const result = patchAt(object, parsePath(patch.path), patch.value);
      if (result.ok) object = result.value ?? {};
      else problems.push({ path: `${overlay.label}.patches[${number}].path`, message: result.message });
    }
    patched = patched.with(index, { ...child, object: object as ChildObject });
  }
  return { children: patched, problems };
}

/** A step into a map, to the item of a list with `key: value`, to the n-th item, or past the end. */
type Step =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'select'; readonly key: string | undefined; readonly value: string }
  | { readonly kind: 'index'; readonly index: number };

/**
 * Istio's patch paths: `spec.template.spec.containers.[name:discovery].args.[-1]`, also written `containers[0]`. A dot
 * inside a key is escaped with a backslash; `[:value]` selects a plain item; `[-1]` appends.
 */
export function parsePath(path: string): readonly Step[] {
  const steps: Step[] = [];
  const pattern = /\[([^\]]*)\]|((?:\\.|[^.[\]\\])+)/g;
  for (const [, bracket, key] of path.matchAll(pattern)) {
    if (key !== undefined) steps.push({ kind: 'key', key: key.replace(/\\(.)/g, '$1') });
    else if (bracket !== undefined && /^-?\d+$/.test(bracket)) steps.push({ kind: 'index', index: Number(bracket) });
    else if (bracket !== undefined) {
      const colon = bracket.indexOf(':');
      if (colon > 0) steps.push({ kind: 'select', key: bracket.slice(0, colon), value: bracket.slice(colon + 1) });
      else steps.push({ kind: 'select', key: undefined, value: bracket.slice(colon + 1) });
    }
  }
  return steps;
}

type Patched =
  | { readonly ok: true; readonly value: Json | undefined }
  | { readonly ok: false; readonly message: string };

/** A copy with `value` at the end of the steps; undefined or null removes what is there. */
function patchAt(current: Json | undefined, steps: readonly Step[], value: Json | undefined): Patched {
  const [step, ...rest] = steps;
  if (step === undefined) return { ok: true, value: value ?? undefined };
  if (step.kind === 'key') {
    if (current !== undefined && !isObject(current))
      return { ok: false, message: `"${step.key}" is asked of something that is no map` };
    const inner = patchAt(current?.[step.key], rest, value);
    if (!inner.ok) return inner;
    const { [step.key]: _, ...others } = current ?? {};
    return { ok: true, value: inner.value === undefined ? others : { ...others, [step.key]: inner.value } };
  }
  const list: readonly Json[] = Array.isArray(current) ? current : [];
  if (current !== undefined && !Array.isArray(current))
    return { ok: false, message: 'an item is asked of something that is no list' };
  const at = findItem(list, step);
  if (at === undefined) return { ok: false, message: 'no item of the list matches' };
  const inner = patchAt(list[at], rest, value);
  if (!inner.ok) return inner;
  return {
    ok: true,
    value:
      inner.value === undefined
        ? list.toSpliced(at, 1)
        : at === list.length
          ? [...list, inner.value]
          : list.with(at, inner.value),
  };
}

function findItem(list: readonly Json[], step: Exclude<Step, { kind: 'key' }>): number | undefined {
  if (step.kind === 'index') {
    if (step.index === -1) return list.length;
    return step.index >= 0 && step.index < list.length ? step.index : undefined;
  }
  const at = list.findIndex((item) =>
    step.key === undefined ? String(item) === step.value : isObject(item) && String(item[step.key]) === step.value,
  );
  return at < 0 ? undefined : at;
}
