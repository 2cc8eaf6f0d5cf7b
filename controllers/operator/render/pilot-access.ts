import { resources } from '#kube/index.ts';
import type { Installation } from '../install/installation.ts';
import type { JsonObject } from '../install/json.ts';
import { buildChild, type Child } from './child.ts';
import { meshResources } from './mesh-resources.ts';
import { pilotName } from './pilot.ts';

const read = ['get', 'list', 'watch'];

/** What istiod may do in the whole cluster: read what it configures proxies from, answer for identities, write status. */
const clusterRules: readonly JsonObject[] = [
  { apiGroups: [''], resources: ['namespaces', 'nodes', 'pods', 'secrets', 'services'], verbs: read },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
  ...Object.entries(meshResources).flatMap(([group, plurals]): JsonObject[] => [
    { apiGroups: [group], resources: plurals, verbs: read },
    { apiGroups: [group], resources: plurals.map((plural) => `${plural}/status`), verbs: ['get', 'patch'] },
  ]),
  // Of workloads that register themselves.
  { apiGroups: ['networking.istio.io'], resources: ['workloadentries'], verbs: ['create', 'patch', 'delete'] },
  // The root certificate goes to every namespace; creating cannot be limited to a name.
  { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
  {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: ['istio-ca-root-cert'],
    verbs: [...read, 'patch'],
  },
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
];

/** What it may do in its own namespace: keep the CA's root, elect a leader, read its configuration. */
const ownRules: readonly JsonObject[] = [
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  { apiGroups: [''], resources: ['secrets'], resourceNames: ['istio-ca-secret'], verbs: ['update', 'patch'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: read },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
];

export function renderPilotAccess(installation: Installation): readonly Child[] {
  const { namespace } = installation;
  const name = pilotName(installation);
  const clusterName = `istiod-clusterrole${installation.suffix}-${namespace}`;
  const labels = { app: 'istiod' };
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  const apiGroup = 'rbac.authorization.k8s.io';
  return [
    buildChild(installation, 'Pilot', resources.clusterRoles, { name: clusterName, labels, rules: clusterRules }),
    buildChild(installation, 'Pilot', resources.clusterRoleBindings, {
      name: clusterName,
      labels,
      roleRef: { apiGroup, kind: 'ClusterRole', name: clusterName },
      subjects,
    }),
    buildChild(installation, 'Pilot', resources.roles, { name, namespace, labels, rules: ownRules }),
    buildChild(installation, 'Pilot', resources.roleBindings, {
      name,
      namespace,
      labels,
      roleRef: { apiGroup, kind: 'Role', name },
      subjects,
    }),
  ];
}
