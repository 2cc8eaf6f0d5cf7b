import type { OwnerReference, Resource } from '#kube/index.ts';
import type { ComponentName, Installation } from '../install/installation.ts';
import type { Json, JsonObject } from '../install/json.ts';

/** One object that an installation consists of, in the form it is applied. */
export interface Child {
  readonly component: ComponentName;
  readonly resource: Resource;
  readonly object: ChildObject;
}

export interface ChildObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly OwnerReference[];
  };
  readonly [field: string]: Json | ChildObject['metadata'];
}

/** Labels by which children are found again: the IstioOperator's name and namespace. */
export const ownerLabels = {
  name: 'install.operator.istio.io/owning-resource',
  namespace: 'install.operator.istio.io/owning-resource-namespace',
  component: 'operator.istio.io/component',
} as const;

const ownerApiVersion = 'install.istio.io/v1alpha1';

export interface ChildFields {
  readonly name: string;
  /** Left out for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>> | JsonObject;
  readonly annotations?: JsonObject;
  readonly [field: string]: Json | undefined;
}

/** Gives an object the labels of its installation and, inside the owner's namespace only, an ownerReference. */
export function buildChild(
  installation: Installation,
  component: ComponentName,
  resource: Resource,
  fields: ChildFields,
): Child {
  const { name, namespace, labels, annotations, ...rest } = fields;
  const { owner } = installation;
  return {
    component,
    resource,
    object: {
      metadata: {
        name,
        ...(namespace === undefined ? {} : { namespace }),
        labels: {
          ...toStrings(labels),
          'istio.io/rev': installation.revision,
          'operator.istio.io/managed': 'Reconcile',
          [ownerLabels.name]: owner.name,
          [ownerLabels.namespace]: owner.namespace,
          [ownerLabels.component]: component,
        },
        ...(annotations === undefined || Object.keys(annotations).length === 0
          ? {}
          : { annotations: toStrings(annotations) }),
        ...(namespace === owner.namespace ? { ownerReferences: [buildOwnerReference(installation)] } : {}),
      },
      ...dropAbsent(rest),
    },
  };
}

function buildOwnerReference({ owner }: Installation): OwnerReference {
  return {
    apiVersion: ownerApiVersion,
    kind: 'IstioOperator',
    name: owner.name,
    uid: owner.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Drops fields that were left undefined. */
export function dropAbsent(fields: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, Json] => entry[1] !== undefined));
}

function toStrings(map: Readonly<Record<string, unknown>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(map ?? {}).map(([key, value]) => [key, String(value)]));
}
