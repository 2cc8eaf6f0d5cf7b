/** The fields of Kubernetes objects that are read here. */
import type { KubeObject } from '#kube/index.ts';
import type { Origin } from '#model/index.ts';

export type AnyObject = KubeObject;

export interface ServiceObject extends AnyObject {
  readonly spec?: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly externalName?: string;
    readonly internalTrafficPolicy?: string;
    readonly trafficDistribution?: string;
    readonly publishNotReadyAddresses?: boolean;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly {
      readonly name?: string;
      readonly port: number;
      readonly targetPort?: number | string;
      readonly protocol?: string;
      readonly appProtocol?: string;
      readonly nodePort?: number;
    }[];
  };
}

export interface EndpointSliceObject extends AnyObject {
  readonly addressType?: string;
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[] | null;
  readonly endpoints?:
    | readonly {
        readonly addresses: readonly string[];
        readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
        readonly hostname?: string;
        readonly nodeName?: string;
        readonly zone?: string;
        readonly targetRef?: { readonly kind?: string; readonly name?: string };
      }[]
    | null;
}

interface Container {
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol?: string }[];
}

export interface PodObject extends AnyObject {
  readonly spec?: {
    readonly serviceAccountName?: string;
    readonly nodeName?: string;
    readonly containers?: readonly Container[];
    readonly initContainers?: readonly (Container & { readonly restartPolicy?: string })[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip?: string }[];
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[];
  };
}

export interface SecretObject extends AnyObject {
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface ConfigMapObject extends AnyObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Where an object comes from. */
export interface ClusterContext {
  readonly clusterId: string;
  /** E.g. `cluster.local`. */
  readonly domainSuffix: string;
  /** Network of pods that don't say otherwise. */
  readonly network: string;
}

export function parseOrigin(object: AnyObject, cluster: string): Origin {
  const { metadata } = object;
  return {
    cluster,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    generation: metadata.generation ?? 0,
    resourceVersion: metadata.resourceVersion ?? '',
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
  };
}
