import { type Resource, resources } from '#kube/index.ts';

/** Every kind of object that an installation may consist of. Webhooks come first: removed first, nothing is refused for want of an istiod. */
export const childKinds: readonly Resource[] = [
  resources.mutatingWebhookConfigurations,
  resources.validatingWebhookConfigurations,
  resources.horizontalPodAutoscalers,
  resources.podDisruptionBudgets,
  resources.deployments,
  resources.services,
  resources.configMaps,
  resources.roleBindings,
  resources.clusterRoleBindings,
  resources.roles,
  resources.clusterRoles,
  resources.serviceAccounts,
];
