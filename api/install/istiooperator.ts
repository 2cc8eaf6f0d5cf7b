import * as z from 'zod';
import { MeshConfig } from '../mesh/meshconfig.ts';
import { withFacts } from '../schema/rule.ts';
import { listMap, preserved, stringMap, type Value } from '../schema/vocabulary.ts';
import { Condition } from '../shared/status.ts';
import { KubernetesResources, stringOrNumber } from './kubernetesresources.ts';

const k8s = () => KubernetesResources.optional().describe('Kubernetes settings.');
const enabled = () => z.boolean().optional().describe('Whether the component is installed.');

export const ComponentSpec = z.object({
  enabled: enabled(),
  namespace: z.string().optional().describe('Namespace of the component.'),
  hub: z.string().optional().describe('Image registry, instead of the general one.'),
  tag: stringOrNumber().optional().describe('Image tag, instead of the general one.'),
  k8s: k8s(),
});
export type ComponentSpec = Value<typeof ComponentSpec>;

export const GatewayComponentSpec = z.object({
  name: z.string().optional().describe('Name of the gateway.'),
  label: stringMap().optional().describe('Labels of the gateway pods.'),
  ...ComponentSpec.shape,
});
export type GatewayComponentSpec = Value<typeof GatewayComponentSpec>;

export const IstioComponentSpec = z.object({
  base: z.object({ enabled: enabled(), k8s: k8s() }).optional().describe('What the whole cluster shares.'),
  pilot: ComponentSpec.optional().describe('istiod.'),
  cni: ComponentSpec.optional().describe('The CNI plugin.'),
  ztunnel: ComponentSpec.optional().describe('Accepted; there is no ambient mode.'),
  istiodRemote: ComponentSpec.optional().describe('Access to an istiod elsewhere.'),
  ingressGateways: z.array(GatewayComponentSpec).optional().describe('Gateways for traffic into the mesh.'),
  egressGateways: z.array(GatewayComponentSpec).optional().describe('Gateways for traffic out of the mesh.'),
  gateway: ComponentSpec.optional().describe('A gateway by itself.'),
});
export type IstioComponentSpec = Value<typeof IstioComponentSpec>;

const revision = z
  .string()
  .max(63)
  .regex(/^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);

export const IstioOperatorSpec = withFacts(
  z.object({
    profile: z.string().optional().describe('Set of defaults: default, demo, minimal, empty, remote or openshift.'),
    installPackagePath: z.string().optional().describe('Accepted for compatibility; there is nothing to fetch.'),
    hub: z.string().optional().describe('Image registry.'),
    tag: stringOrNumber().optional().describe('Image tag.'),
    namespace: z.string().optional().describe('Namespace of the control plane; that of the resource when absent.'),
    revision: revision.optional().describe('Revision of the control plane; cannot be changed.'),
    compatibilityVersion: stringOrNumber().optional().describe('Version whose defaults are kept.'),
    meshConfig: MeshConfig.optional().describe('Settings of the mesh.'),
    components: IstioComponentSpec.optional().describe('Components and their Kubernetes settings.'),
    values: preserved().optional().describe('Values in the form of the Helm charts.'),
    unvalidatedValues: preserved().optional().describe('Values for templates of one’s own.'),
  }),
  {
    'x-kubernetes-validations': [
      {
        rule: '(has(self.revision) ? self.revision : "") == (has(oldSelf.revision) ? oldSelf.revision : "")',
        message: 'revision cannot be changed; create another resource for a new revision',
      },
    ],
  },
);
export type IstioOperatorSpec = Value<typeof IstioOperatorSpec>;

/** Istio's six words. */
export const InstallState = z.enum(['NONE', 'UPDATING', 'RECONCILING', 'HEALTHY', 'ERROR', 'ACTION_REQUIRED']);
export type InstallState = Value<typeof InstallState>;

const ComponentStatus = z.object({
  version: z.string().optional().describe('Version that runs.'),
  status: InstallState.optional().describe('State of the component.'),
  error: z.string().optional().describe('What went wrong.'),
});

export const IstioOperatorStatus = z.object({
  status: InstallState.optional().describe('State of the installation.'),
  message: z.string().optional().describe('What is going on, or what to do.'),
  componentStatus: z.record(z.string(), ComponentStatus).optional().describe('State by component.'),
  observedGeneration: z.int().optional().describe('Generation that the status is about.'),
  version: z.string().optional().describe('Version that runs.'),
  conditions: listMap(z.array(Condition), 'type').optional().describe('What is the case, by type.'),
});
export type IstioOperatorStatus = Value<typeof IstioOperatorStatus>;

/** Shown before anybody has looked at the resource, so that nobody takes it for ready. */
export const initialStatus = { observedGeneration: -1, status: 'RECONCILING' } as const satisfies IstioOperatorStatus;
