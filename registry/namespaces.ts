/** Which namespaces the mesh looks at: MeshConfig's discoverySelectors over the labels of namespaces. */
import type { LabelSelector } from '#api/index.ts';
import { matchesLabels } from '#model/index.ts';

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
