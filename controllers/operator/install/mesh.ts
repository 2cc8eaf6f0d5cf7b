import { isObject, type JsonObject, overlayObject } from './json.ts';
import type { ValuesReader } from './values.ts';

export interface MeshDefaults {
  readonly rootNamespace: string;
  readonly discoveryAddress: string;
  readonly meshId: string | undefined;
  readonly trustDomain: string;
}

/** The mesh configuration: what we know by ourselves, `values.meshConfig` over it, `spec.meshConfig` on top. */
export function resolveMesh(spec: JsonObject, values: ValuesReader, defaults: MeshDefaults): JsonObject {
  const own: JsonObject = {
    trustDomain: defaults.trustDomain,
    rootNamespace: defaults.rootNamespace,
    defaultConfig: {
      discoveryAddress: defaults.discoveryAddress,
      ...(defaults.meshId === undefined ? {} : { meshId: defaults.meshId }),
    },
  };
  const given = overlayObject(values.object('meshConfig') ?? {}, isObject(spec.meshConfig) ? spec.meshConfig : {});
  return overlayObject(own, given);
}

/** `values.global.meshNetworks` as the file that istiod reads. */
export function resolveNetworks(values: ValuesReader): JsonObject {
  return { networks: values.object('global.meshNetworks') ?? {} };
}
