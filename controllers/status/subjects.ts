import type { SourceKey } from '../delivery/facts.ts';
import type { ConditionFacts } from './conditions.ts';

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
  /** The identical list while none of them changes, nor any that is in it. */
  all(): readonly StatusSubject[];
  find(key: SourceKey): StatusSubject | undefined;
  /** Calls the listener after each change of any subject; returns how to stop. */
  onChange(listener: () => void): () => void;
}
