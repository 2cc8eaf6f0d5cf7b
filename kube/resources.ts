/** How a kind is addressed on the API server. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const core = (kind: string, plural: string, namespaced = true): Resource => ({
  group: '',
  version: 'v1',
  plural,
  kind,
  namespaced,
});
const grouped = (group: string, version: string, kind: string, plural: string, namespaced = true): Resource => ({
  group,
  version,
  plural,
  kind,
  namespaced,
});

/** The built-in kinds that this project reads or writes. Mesh kinds are described in `api/`. */
export const resources = {
  namespaces: core('Namespace', 'namespaces', false),
  nodes: core('Node', 'nodes', false),
  pods: core('Pod', 'pods'),
  services: core('Service', 'services'),
  secrets: core('Secret', 'secrets'),
  configMaps: core('ConfigMap', 'configmaps'),
  serviceAccounts: core('ServiceAccount', 'serviceaccounts'),
  endpointSlices: grouped('discovery.k8s.io', 'v1', 'EndpointSlice', 'endpointslices'),
  deployments: grouped('apps', 'v1', 'Deployment', 'deployments'),
  daemonSets: grouped('apps', 'v1', 'DaemonSet', 'daemonsets'),
  horizontalPodAutoscalers: grouped('autoscaling', 'v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  podDisruptionBudgets: grouped('policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  roles: grouped('rbac.authorization.k8s.io', 'v1', 'Role', 'roles'),
  roleBindings: grouped('rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings'),
  clusterRoles: grouped('rbac.authorization.k8s.io', 'v1', 'ClusterRole', 'clusterroles', false),
  clusterRoleBindings: grouped('rbac.authorization.k8s.io', 'v1', 'ClusterRoleBinding', 'clusterrolebindings', false),
  mutatingWebhookConfigurations: grouped(
    'admissionregistration.k8s.io',
    'v1',
    'MutatingWebhookConfiguration',
    'mutatingwebhookconfigurations',
    false,
  ),
  validatingWebhookConfigurations: grouped(
    'admissionregistration.k8s.io',
    'v1',
    'ValidatingWebhookConfiguration',
    'validatingwebhookconfigurations',
    false,
  ),
  customResourceDefinitions: grouped(
    'apiextensions.k8s.io',
    'v1',
    'CustomResourceDefinition',
    'customresourcedefinitions',
    false,
  ),
  leases: grouped('coordination.k8s.io', 'v1', 'Lease', 'leases'),
  events: grouped('events.k8s.io', 'v1', 'Event', 'events'),
  tokenReviews: grouped('authentication.k8s.io', 'v1', 'TokenReview', 'tokenreviews', false),
  subjectAccessReviews: grouped('authorization.k8s.io', 'v1', 'SubjectAccessReview', 'subjectaccessreviews', false),
} as const satisfies Readonly<Record<string, Resource>>;

/** `group/version`, or `v1` for the core group. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** The URL path of a collection, or of one object in it. Every part is escaped. */
export function resourcePath(resource: Resource, namespace?: string, name?: string, subresource?: string): string {
  const parts = resource.group === '' ? ['api', resource.version] : ['apis', resource.group, resource.version];
  if (namespace !== undefined && namespace !== '' && resource.namespaced) parts.push('namespaces', namespace);
  parts.push(resource.plural);
  if (name !== undefined) parts.push(name);
  if (subresource !== undefined) parts.push(subresource);
  return `/${parts.map(encodeURIComponent).join('/')}`;
}
