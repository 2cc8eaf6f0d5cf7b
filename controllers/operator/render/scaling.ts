import { resources } from '#kube/index.ts';
import type { ComponentName, Installation, WorkloadSettings } from '../install/installation.ts';
import type { JsonObject } from '../install/json.ts';
import { buildChild, type Child } from './child.ts';

export interface ScaledDeployment {
  readonly component: ComponentName;
  readonly name: string;
  readonly namespace: string;
  readonly labels: JsonObject;
  readonly selector: JsonObject;
  readonly settings: WorkloadSettings;
}

/** The HorizontalPodAutoscaler and PodDisruptionBudget of a Deployment, as its settings say. */
export function renderScaling(installation: Installation, target: ScaledDeployment): readonly Child[] {
  const { component, name, namespace, labels, settings } = target;
  const children: Child[] = [];
  if (settings.scaling.kind === 'auto') {
    children.push(
      buildChild(installation, component, resources.horizontalPodAutoscalers, {
        name,
        namespace,
        labels,
        spec: { ...settings.scaling.spec, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name } },
      }),
    );
  }
  if (settings.disruptionBudget !== undefined) {
    children.push(
      buildChild(installation, component, resources.podDisruptionBudgets, {
        name,
        namespace,
        labels,
        spec: { ...settings.disruptionBudget, selector: { matchLabels: target.selector } },
      }),
    );
  }
  return children;
}
