/** Which namespaces the mesh looks at: MeshConfig's discoverySelectors over the labels of namespaces. */
import type { LabelSelector } from '#api/index.ts';

type Labels = Readonly<Record<string, string>>;

export interface NamespaceSelection {
  /** Whether objects of the namespace belong to the mesh; a namespace that nobody has seen has no labels and is not selected. */
  admits(namespace: string): boolean;
  /** Takes over selectors; without any, every namespace is selected. */
  setSelectors(selectors: readonly LabelSelector[], rootNamespace: string): void;
  /** Takes over the labels of a namespace; undefined: it is gone. */
  setLabels(namespace: string, labels: Labels | undefined): void;
}

/**
 * The control plane's own namespace and the root namespace always belong to the mesh: policies for the whole mesh must not
 * lose their force because somebody forgot a label.
 */
export function createNamespaceSelection(systemNamespace: string): NamespaceSelection {
  const labels = new Map<string, Labels>();
  let selectors: readonly LabelSelector[] = [];
  let rootNamespace = systemNamespace;
  return {
    admits(namespace) {
      if (selectors.length === 0 || namespace === systemNamespace || namespace === rootNamespace) return true;
      const own = labels.get(namespace);
      return own !== undefined && selectors.some((selector) => matchesLabels(selector, own));
    },
    setSelectors(next, root) {
      selectors = next;
      rootNamespace = root;
    },
    setLabels(namespace, next) {
      if (next === undefined) labels.delete(namespace);
      else labels.set(namespace, next);
    },
  };
}

/** As Kubernetes reads it: everything in the selector must hold; an empty one selects all. */
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
        // Refused where the mesh configuration is checked.
        return false;
    }
  });
}
