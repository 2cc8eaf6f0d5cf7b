import type { JsonObject } from './json.ts';

/** The IstioOperator that everything rendered belongs to. */
export interface Owner {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/** Istio's component names; the keys of `status.componentStatus`. */
export type ComponentName = 'Base' | 'Pilot' | 'IngressGateways' | 'EgressGateways';

/** How a Deployment scales: by an HPA, or a fixed number (undefined leaves it to the API server's default or to hands). */
export type Scaling =
  | { readonly kind: 'auto'; readonly spec: JsonObject }
  | { readonly kind: 'fixed'; readonly replicas?: number };

/** What `k8s` and the values say about one Deployment; every field is in Kubernetes' own form. */
export interface WorkloadSettings {
  readonly scaling: Scaling;
  /** spec of a PodDisruptionBudget without its selector. */
  readonly disruptionBudget?: JsonObject;
  readonly resources: JsonObject;
  readonly strategy?: JsonObject;
  readonly affinity?: JsonObject;
  readonly nodeSelector?: JsonObject;
  readonly tolerations?: readonly JsonObject[];
  readonly topologySpreadConstraints?: readonly JsonObject[];
  readonly priorityClassName?: string;
  readonly imagePullPolicy?: string;
  readonly readinessProbe?: JsonObject;
  /** Pod security context, laid over ours. */
  readonly securityContext?: JsonObject;
  /** EnvVar objects, laid over ours by name. */
  readonly env: readonly JsonObject[];
  readonly volumes: readonly JsonObject[];
  readonly volumeMounts: readonly JsonObject[];
  readonly deploymentLabels: JsonObject;
  readonly podLabels: JsonObject;
  readonly podAnnotations: JsonObject;
  readonly serviceAnnotations: JsonObject;
  /** Laid over the Service's spec. */
  readonly service: JsonObject;
  readonly overlays: readonly Overlay[];
}

/** `k8s.overlays[]`: patches on one rendered object. */
export interface Overlay {
  readonly kind: string;
  readonly name: string;
  readonly patches: readonly { readonly path: string; readonly value: JsonObject[string] | undefined }[];
  /** Where it stands in the IstioOperator, for messages. */
  readonly label: string;
}

export interface PilotPlan {
  readonly image: string;
  readonly extraArgs: readonly string[];
  readonly settings: WorkloadSettings;
}

export interface GatewayPlan {
  readonly component: 'IngressGateways' | 'EgressGateways';
  readonly name: string;
  readonly namespace: string;
  readonly image: string;
  /** Selects its pods; what Gateway resources name in `spec.selector`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceType: string;
  readonly ports: readonly JsonObject[];
  readonly settings: WorkloadSettings;
}

export interface WebhookPlan {
  readonly injection: boolean;
  readonly validation: boolean;
  readonly enableNamespacesByDefault: boolean;
  readonly reinvocationPolicy: string;
  readonly injectionPath: string;
  /** Where istiod is when it does not run in this cluster. */
  readonly injectionUrl?: string;
}

/** An IstioOperator, resolved: nothing is left to look up, everything is ready to be spelled as Kubernetes objects. */
export interface Installation {
  readonly owner: Owner;
  /** `default`, or the canary's name. */
  readonly revision: string;
  /** Appended to names: empty for the default revision, else `-<revision>`. */
  readonly suffix: string;
  readonly namespace: string;
  /** What is installed, for status and labels: the image tag. */
  readonly version: string;
  readonly pilot?: PilotPlan;
  readonly gateways: readonly GatewayPlan[];
  readonly webhooks?: WebhookPlan;
  /** The document of ConfigMap `istio`. */
  readonly mesh: JsonObject;
  readonly meshNetworks: JsonObject;
  /** The documents of ConfigMap `istio-sidecar-injector`; absent when it is not wanted. */
  readonly injector?: { readonly config: JsonObject; readonly values: JsonObject };
  readonly shared: SharedSettings;
}

/** What every workload of the installation has in common. */
export interface SharedSettings {
  readonly imagePullSecrets: readonly string[];
  readonly clusterDomain: string;
  readonly clusterId: string;
  readonly network?: string;
  readonly meshId: string;
  readonly trustDomain: string;
  readonly discoveryAddress: string;
  readonly caAddress: string;
  readonly logLevel: string;
  readonly logAsJson: boolean;
  readonly proxyLogLevel: string;
  readonly proxyComponentLogLevel: string;
  /** Leave user ids to the platform (OpenShift). */
  readonly platformAssignsUser: boolean;
  readonly prometheusMerge: boolean;
}
