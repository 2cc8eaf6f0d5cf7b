/** Who is selected, who sees what, who was first. */
import type { LabelSelector } from './specs.ts';
import type { Origin, SourceRef } from './types/identity.ts';

type Labels = Readonly<Record<string, string>>;

/** Whether all pairs of the selector are among the labels; an empty selector selects everything. */
export function selects(selector: Labels, labels: Labels): boolean {
  for (const name of Object.keys(selector)) if (labels[name] !== selector[name]) return false;
  return true;
}

type Age = Pick<Origin, 'createdAt' | 'name' | 'namespace' | 'cluster'>;

/** Oldest first; ties by name, then namespace, then cluster, so that every replica decides alike. */
export function compareAge(a: Age, b: Age): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.cluster < b.cluster ? -1 : a.cluster > b.cluster ? 1 : 0;
}

/** Whether a resource of namespace `owner` with this export list is seen from namespace `client`. */
export function exportedTo(exportTo: readonly string[], owner: string, client: string): boolean {
  return exportTo.some((target) => target === '*' || target === client || (target === '.' && owner === client));
}

export const isPublic = (exportTo: readonly string[]): boolean => exportTo.includes('*');

export function sourceOf(kind: string, origin: Origin): SourceRef {
  return { cluster: origin.cluster, kind, namespace: origin.namespace, name: origin.name, uid: origin.uid };
}

/** The pairs of `labels` whose names are tested somewhere. */
export function projectLabels(labels: Labels, names: readonly string[]): Labels {
  const kept: Record<string, string> = {};
  for (const name of names) {
    const value = labels[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

/** A selector with expressions, as Kubernetes reads it: everything in it must hold; an empty one selects all. */
export function matchesLabels(selector: LabelSelector, labels: Labels): boolean {
  for (const [name, value] of Object.entries(selector.matchLabels ?? {})) if (labels[name] !== value) return false;
  return (selector.matchExpressions ?? []).every(({ key = '', operator, values = [] }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
      default:
        // Refused where the selector is checked.
        return false;
    }
  });
}
