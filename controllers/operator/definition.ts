import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { KubeObject } from '#kube/index.ts';
import { LateenError } from '#runtime/core/index.ts';

/** A CustomResourceDefinition as it stands in a manifest. */
export interface Definition extends KubeObject {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string };
    readonly versions: { readonly name: string; readonly served: boolean; readonly storage: boolean }[];
  };
}

/**
 * Reads a manifest that holds one CustomResourceDefinition, as it is written: client-node's own reader renames every
 * `x-kubernetes-…` field to its property name, and the API server then refuses the schema.
 */
export async function readDefinition(path: string): Promise<Definition> {
  const definition: Partial<Definition> | null = parse(await readFile(path, 'utf8'));
  if (definition?.apiVersion?.startsWith('apiextensions.k8s.io/') !== true || definition.spec === undefined) {
    throw new LateenError('invalid', `${path} holds no CustomResourceDefinition`);
  }
  return definition as Definition;
}
