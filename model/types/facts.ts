/**
 * A complaint about one user resource, found while resolving it. No fact of a type means that the condition holds.
 * `NotHonoured` names a field that is accepted and has no effect yet, `InvalidRef` a reference to something that cannot be used, and
 * `ExpiredRef` and `EarlyRef` to a certificate that is served although it has expired or is not valid yet.
 */
export interface StatusFact {
  readonly type: 'Accepted' | 'ResolvedRefs' | 'InvalidRef' | 'ExpiredRef' | 'EarlyRef' | 'Conflicted' | 'NotHonoured';
  /** From the resource's root, e.g. `spec.http[0].route[0].destination.subset`. */
  readonly path: string;
  readonly message: string;
}
