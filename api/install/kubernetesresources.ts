/** Kubernetes settings of one component: parts of Kubernetes' own objects, kept as they are written. */
import * as z from 'zod';
import { withFacts } from '../schema/rule.ts';
import { intOrString, stringMap, uint32, type Value } from '../schema/vocabulary.ts';

/** A quantity or an image tag: YAML reads `1.5` as a number. */
export const stringOrNumber = () =>
  withFacts(z.union([z.string(), z.number()]), { 'x-kubernetes-preserve-unknown-fields': true });

/** A Kubernetes object of which we name no field. */
const foreign = () => z.looseObject({}).optional();
const foreignList = () => z.array(z.looseObject({})).optional();

const quantities = () => z.record(z.string(), stringOrNumber()).optional();

export const ResourceRequirements = z.looseObject({
  requests: quantities().describe('What the scheduler reserves.'),
  limits: quantities().describe('What must not be exceeded.'),
});

const EnvVar = z.looseObject({
  name: z.string().describe('Name of the variable.'),
  value: z.string().optional().describe('Its value.'),
});

const ServicePort = z.looseObject({
  name: z.string().optional().describe('Name of the port.'),
  port: z.int().describe('Port of the service.'),
  targetPort: intOrString().optional().describe('Port of the pods.'),
  nodePort: z.int().optional().describe('Port of the nodes.'),
  protocol: z.string().optional().describe('TCP or UDP.'),
});

const ServiceSpec = z.looseObject({
  type: z.string().optional().describe('ClusterIP, NodePort or LoadBalancer.'),
  ports: z.array(ServicePort).optional().describe('Ports of the service.'),
});

const HpaSpec = z.looseObject({
  minReplicas: z.int().optional().describe('Fewest replicas.'),
  maxReplicas: z.int().optional().describe('Most replicas.'),
  metrics: foreignList().describe('What is scaled by.'),
});

const Overlay = z.object({
  apiVersion: z.string().optional().describe('API version of the object.'),
  kind: z.string().optional().describe('Kind of the object.'),
  name: z.string().optional().describe('Name of the object.'),
  patches: z
    .array(
      z.object({
        path: z.string().optional().describe('Where, as a.[key:value].b.'),
        value: z.unknown().optional().describe('What to put there; absent to delete.'),
      }),
    )
    .optional()
    .describe('Changes to the object.'),
});

export const KubernetesResources = z.object({
  affinity: foreign().describe('Affinity of the pods.'),
  env: z.array(EnvVar).optional().describe('Environment of the container.'),
  hpaSpec: HpaSpec.optional().describe('Autoscaling.'),
  imagePullPolicy: z.string().optional().describe('When the image is pulled.'),
  nodeSelector: stringMap().optional().describe('Labels of the nodes.'),
  podDisruptionBudget: foreign().describe('Disruption budget.'),
  podAnnotations: stringMap().optional().describe('Annotations of the pods.'),
  priorityClassName: z.string().optional().describe('Priority class of the pods.'),
  readinessProbe: foreign().describe('Readiness probe of the container.'),
  replicaCount: uint32().optional().describe('Replicas, where nothing scales them.'),
  resources: ResourceRequirements.optional().describe('Requests and limits of the container.'),
  service: ServiceSpec.optional().describe('The service.'),
  strategy: foreign().describe('Strategy of the deployment.'),
  tolerations: foreignList().describe('Tolerations of the pods.'),
  serviceAnnotations: stringMap().optional().describe('Annotations of the service.'),
  securityContext: foreign().describe('Security context of the pods.'),
  volumes: foreignList().describe('Volumes of the pods.'),
  volumeMounts: foreignList().describe('Volume mounts of the container.'),
  overlays: z.array(Overlay).optional().describe('Changes to the rendered objects.'),
});
export type KubernetesResources = Value<typeof KubernetesResources>;
