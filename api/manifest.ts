/** A kind's definition as the CustomResourceDefinition that is committed in `crds/`. */
import type { ManifestOptions } from './schema/kind.ts';
import { renderStructural, type Structural } from './schema/structural.ts';

export interface CustomResourceDefinition {
  apiVersion: 'apiextensions.k8s.io/v1';
  kind: 'CustomResourceDefinition';
  metadata: { name: string; annotations: Record<string, string>; labels: Record<string, string> };
  spec: {
    group: string;
    names: {
      kind: string;
      listKind: string;
      plural: string;
      singular: string;
      shortNames?: readonly string[];
      categories: readonly string[];
    };
    scope: 'Namespaced';
    versions: readonly CustomResourceVersion[];
  };
}

export interface CustomResourceVersion {
  name: string;
  served: boolean;
  storage: boolean;
  subresources: { status: object };
  additionalPrinterColumns: readonly object[];
  schema: { openAPIV3Schema: Structural };
}

export function renderManifest(options: ManifestOptions): CustomResourceDefinition {
  const { group, kind, plural, shortNames = [], categories } = options;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      // Deleting a definition deletes every object of the kind: uninstalling a chart must not do that.
      annotations: { 'helm.sh/resource-policy': 'keep' },
      labels: { 'app.kubernetes.io/part-of': 'lateen' },
    },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames.length > 0 ? { shortNames } : {}),
        categories,
      },
      scope: 'Namespaced',
      versions: options.versions.map((version, index) => renderVersion(options, version, index === 0)),
    },
  };
}

/** Descriptions stand in the newest version only: three copies would not fit an annotation of client-side apply. */
function renderVersion(options: ManifestOptions, version: string, newest: boolean): CustomResourceVersion {
  const spec = renderStructural(options.spec, {
    descriptions: newest,
    preserveUnknown: options.preserveUnknown ?? false,
    nullable: options.protoJson ?? false,
  });
  const status = renderStructural(options.status, { descriptions: newest });
  return {
    name: version,
    served: true,
    storage: version === options.storageVersion,
    subresources: { status: {} },
    additionalPrinterColumns: options.columns,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        ...(newest ? { description: options.description } : {}),
        properties: {
          spec,
          status: {
            ...status,
            'x-kubernetes-preserve-unknown-fields': true,
            ...(options.statusDefault === undefined ? {} : { default: options.statusDefault }),
          },
        },
        ...(options.specRequired ? { required: ['spec'] } : {}),
      },
    },
  };
}
