/** Whether a pod gets a sidecar: labels before annotations before namespace, by Istio's table. */
import { annotations, labels } from '#api/constants.ts';
import type { LabelSelector } from '#api/index.ts';
import { matchesLabels } from '#model/index.ts';

type Labels = Readonly<Record<string, string>>;

export interface SelectionInput {
  readonly namespaceLabels: Labels;
  readonly podLabels: Labels;
  /** The revision (or tag) that asks; `default` also answers to `istio-injection`. */
  readonly revision: string;
  readonly enableNamespacesByDefault: boolean;
}

/**
 * Whether the webhook of a revision is called for a pod: what the operator's namespace and object selectors say, for
 * callers who are not the API server. Exactly one revision answers for a pod.
 */
export function isSelected({
  namespaceLabels,
  podLabels,
  revision,
  enableNamespacesByDefault,
}: SelectionInput): boolean {
  const injection = namespaceLabels[labels.injection];
  const namespaceRevision = namespaceLabels[labels.revision];
  const podRevision = podLabels[labels.revision];
  const asked = podLabels[labels.inject];
  if (asked === 'false') return false;
  if (injection === undefined && namespaceRevision !== undefined) return namespaceRevision === revision;
  if (injection === undefined && podRevision !== undefined) return podRevision === revision;
  if (revision !== 'default') return false;
  if (injection !== undefined) return injection === 'enabled';
  return asked === 'true' || (enableNamespacesByDefault && asked === undefined);
}

/** Namespaces that never get sidecars, whatever anybody asks: the cluster must be able to start without us. */
export const ignoredNamespaces: ReadonlySet<string> = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
]);

export interface DecisionInput {
  readonly namespace: string;
  readonly hostNetwork: boolean;
  readonly podLabels: Labels;
  readonly podAnnotations: Labels;
  readonly policy: 'enabled' | 'disabled' | 'off';
  readonly neverInject: readonly LabelSelector[];
  readonly alwaysInject: readonly LabelSelector[];
}

/** Why a pod that the webhook was called for gets no sidecar; undefined when it gets one. */
export function resolveSkipReason(input: DecisionInput): string | undefined {
  if (input.hostNetwork) return 'the pod uses the network of its host';
  if (ignoredNamespaces.has(input.namespace)) return `namespace ${input.namespace} is never injected`;
  if (input.policy === 'off') return 'injection is off';
  const asked = input.podLabels[labels.inject] ?? input.podAnnotations[annotations.inject];
  if (asked !== undefined && asked !== '') {
    return asked === 'true' ? undefined : `the pod asks for ${labels.inject}: "${asked}"`;
  }
  const matches = (selector: LabelSelector) => matchesSelector(selector, input.podLabels);
  if (input.neverInject.some(matches)) return 'the pod matches neverInjectSelector';
  if (input.alwaysInject.some(matches)) return undefined;
  return input.policy === 'enabled' ? undefined : 'injection has to be asked for by the pod';
}

/** Kubernetes' rules; an empty selector selects nothing, as in Istio's lists of selectors. */
export function matchesSelector(selector: LabelSelector, podLabels: Labels): boolean {
  const empty = Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
  return !empty && matchesLabels(selector, podLabels);
}
