import type { IstioOperatorStatus } from '#api/index.ts';
import { kinds } from '#api/index.ts';
import { type KubeObject, objectKey, type Resource } from '#kube/index.ts';
import type { JsonObject } from '../install/json.ts';

/** An IstioOperator as the API server gives it: nothing in `spec` is checked yet. */
export interface IstioOperatorObject extends KubeObject {
  readonly spec?: JsonObject;
  readonly status?: IstioOperatorStatus;
}

const { group, plural, kind, storageVersion } = kinds.IstioOperator;

export const istioOperators: Resource = { group, version: storageVersion, plural, kind, namespaced: true };

/** The revision that an IstioOperator claims, whatever else is wrong with it. */
export function readRevision(object: IstioOperatorObject): string {
  const { revision, values } = object.spec ?? {};
  if (typeof revision === 'string' && revision !== '') return revision;
  const inValues = typeof values === 'object' && values !== null && 'revision' in values ? values.revision : undefined;
  return typeof inValues === 'string' && inValues !== '' ? inValues : 'default';
}

/**
 * Of two IstioOperators that claim one revision the older keeps it; of two made in the same second, the one whose
 * namespace/name comes first, so that everybody can tell who it is (Gateway API's rule for conflicts).
 */
export function isOlder(left: KubeObject, right: KubeObject): boolean {
  const age = ({ metadata }: KubeObject) => `${metadata.creationTimestamp ?? ''} ${objectKey({ metadata })}`;
  return age(left) < age(right);
}
