import type { KubeObject } from '#kube/index.ts';
import type { SourceKey } from '../delivery/facts.ts';
import type { ConditionFacts, StatusCondition } from './conditions.ts';

/** A mesh resource whose status is ours to write, and what validation and resolution say of its present version. */
export interface StatusSubject extends Omit<ConditionFacts, 'delivery'> {
  readonly key: SourceKey;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** The port through which the status controller sees the mesh; joined to the graph in cmd/. */
export interface StatusSubjects {
  /**
   * The identical list while none of them changes, nor any that is in it. What changed is looked at in slices, so that
   * thousands that come at once stop nothing else; undefined when the signal aborts before all is.
   */
  all(signal: AbortSignal): Promise<readonly StatusSubject[] | undefined>;
  find(key: SourceKey): StatusSubject | undefined;
  /** Calls the listener after each change of any subject; returns how to stop. */
  onChange(listener: () => void): () => void;
}

/** A mesh resource as the API server holds it. */
export interface StatusObject extends KubeObject {
  readonly status?: { readonly conditions?: readonly StatusCondition[]; readonly observedGeneration?: number };
}

/** The port through which the status controller sees what has become of what it wrote. */
export interface StoredStatus {
  /** Calls the listener with each mesh resource whenever it is read; returns how to stop. Must be cheap. */
  onRead(listener: (key: SourceKey, object: StatusObject) => void): () => void;
}
