import type { Overlay, Scaling, WorkloadSettings } from './installation.ts';
import { isObject, type Json, type JsonObject, overlay, overlayObject } from './json.ts';
import type { ValuesReader } from './values.ts';

/** Where the settings of one Deployment come from, the later winning: chart values under `prefix`, then the component's `k8s`. */
export interface WorkloadSources {
  readonly values: ValuesReader;
  /** e.g. `pilot` or `gateways.istio-ingressgateway` */
  readonly prefix: string;
  readonly component: ValuesReader;
  /** How the component is called in messages. */
  readonly label: string;
}

export function resolveWorkload({ values, prefix, component, label }: WorkloadSources): WorkloadSettings {
  const map = (path: string, k8s?: string) =>
    overlayObject(
      values.object(`${prefix}.${path}`) ?? {},
      (k8s === undefined ? undefined : component.object(`k8s.${k8s}`)) ?? {},
    );
  const maps = (path: string, k8s: string | undefined) =>
    ((k8s === undefined ? undefined : component.list(`k8s.${k8s}`)) ?? values.list(`${prefix}.${path}`) ?? []).filter(
      isObject,
    );
  const defaultResources = values.object('global.defaultResources') ?? {};
  const resources = component.object('k8s.resources') ?? values.object(`${prefix}.resources`) ?? defaultResources;
  const strategy = component.object('k8s.strategy') ?? resolveStrategy(values, prefix);
  const affinity = map('affinity', 'affinity');
  const nodeSelector = overlayObject(
    values.object('global.defaultNodeSelector') ?? {},
    map('nodeSelector', 'nodeSelector'),
  );
  const tolerations = maps('tolerations', 'tolerations');
  const defaultTolerations = (values.list('global.defaultTolerations') ?? []).filter(isObject);
  const spread = maps('topologySpreadConstraints', undefined);
  const priorityClassName = component.string('k8s.priorityClassName') ?? values.text('global.priorityClassName');
  const imagePullPolicy = component.string('k8s.imagePullPolicy') ?? values.text('global.imagePullPolicy');
  const readinessProbe = component.object('k8s.readinessProbe');
  const securityContext = component.object('k8s.securityContext');
  const disruptionBudget = resolveDisruptionBudget(values, component);
  return {
    scaling: resolveScaling(values, prefix, component),
    ...(disruptionBudget === undefined ? {} : { disruptionBudget }),
    resources,
    ...(strategy === undefined ? {} : { strategy }),
    ...(hasEntries(affinity) ? { affinity } : {}),
    ...(hasEntries(nodeSelector) ? { nodeSelector } : {}),
    ...(tolerations.length > 0
      ? { tolerations }
      : defaultTolerations.length > 0
        ? { tolerations: defaultTolerations }
        : {}),
    ...(spread.length > 0 ? { topologySpreadConstraints: spread } : {}),
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
    ...(readinessProbe === undefined ? {} : { readinessProbe }),
    ...(securityContext === undefined ? {} : { securityContext }),
    env: resolveEnv(values, prefix, component),
    volumes: maps('volumes', 'volumes'),
    volumeMounts: maps('volumeMounts', 'volumeMounts'),
    deploymentLabels: values.strings(`${prefix}.deploymentLabels`) ?? {},
    podLabels: values.strings(`${prefix}.podLabels`) ?? {},
    podAnnotations: { ...values.strings(`${prefix}.podAnnotations`), ...component.strings('k8s.podAnnotations') },
    serviceAnnotations: {
      ...values.strings(`${prefix}.serviceAnnotations`),
      ...component.strings('k8s.serviceAnnotations'),
    },
    service: component.object('k8s.service') ?? {},
    overlays: resolveOverlays(component, label),
  };
}

/** Everything is read whether it counts or not, so that a wrong type is found before the day it would matter. */
function resolveScaling(values: ValuesReader, prefix: string, component: ValuesReader): Scaling {
  const hpaSpec = component.object('k8s.hpaSpec');
  const replicas = component.number('k8s.replicaCount') ?? values.number(`${prefix}.replicaCount`);
  const minReplicas = values.number(`${prefix}.autoscaleMin`) ?? 1;
  const maxReplicas = values.number(`${prefix}.autoscaleMax`) ?? 5;
  const behavior = values.object(`${prefix}.autoscaleBehavior`) ?? {};
  const metrics = [
    utilization('cpu', values.number(`${prefix}.cpu.targetAverageUtilization`)),
    utilization('memory', values.number(`${prefix}.memory.targetAverageUtilization`)),
  ].filter((metric) => metric !== undefined);
  if (values.boolean(`${prefix}.autoscaleEnabled`) !== true && hpaSpec === undefined) {
    return replicas === undefined ? { kind: 'fixed' } : { kind: 'fixed', replicas };
  }
  const base: JsonObject = {
    minReplicas: Math.max(minReplicas, replicas ?? 0),
    maxReplicas: Math.max(maxReplicas, replicas ?? 0),
    metrics,
    ...(hasEntries(behavior) ? { behavior } : {}),
  };
  return { kind: 'auto', spec: overlayObject(base, hpaSpec ?? {}) };
}

function utilization(name: string, averageUtilization: number | undefined): JsonObject | undefined {
  if (averageUtilization === undefined) return undefined;
  return { type: 'Resource', resource: { name, target: { type: 'Utilization', averageUtilization } } };
}

function resolveDisruptionBudget(values: ValuesReader, component: ValuesReader): JsonObject | undefined {
  const enabled = values.boolean('global.defaultPodDisruptionBudget.enabled') === true;
  const given = component.object('k8s.podDisruptionBudget');
  if (given !== undefined) {
    const { selector: _, ...budget } = given;
    return hasEntries(budget) ? budget : { minAvailable: 1 };
  }
  return enabled ? { minAvailable: 1 } : undefined;
}

function resolveStrategy(values: ValuesReader, prefix: string): JsonObject | undefined {
  const surge = values.scalar(`${prefix}.rollingMaxSurge`);
  const unavailable = values.scalar(`${prefix}.rollingMaxUnavailable`);
  if (surge === undefined && unavailable === undefined) return undefined;
  return {
    type: 'RollingUpdate',
    rollingUpdate: {
      ...(surge === undefined ? {} : { maxSurge: surge }),
      ...(unavailable === undefined ? {} : { maxUnavailable: unavailable }),
    },
  };
}

/** `values.<prefix>.env` is a map of plain values, `k8s.env` a list of EnvVar; both become EnvVar, the list winning. */
function resolveEnv(values: ValuesReader, prefix: string, component: ValuesReader): readonly JsonObject[] {
  const plain = Object.entries(values.strings(`${prefix}.env`) ?? {}).map(
    ([name, value]): JsonObject => ({ name, value }),
  );
  const from = (values.list(`${prefix}.envVarFrom`) ?? []).filter(isObject);
  const given = (component.list('k8s.env') ?? []).filter(isObject);
  const merged = overlay([...plain, ...from], given, 'env');
  return Array.isArray(merged) ? (merged as readonly Json[]).filter(isObject) : [];
}

function resolveOverlays(component: ValuesReader, label: string): readonly Overlay[] {
  return (component.list('k8s.overlays') ?? []).filter(isObject).map((entry, index) => ({
    kind: String(entry.kind ?? ''),
    name: String(entry.name ?? ''),
    label: `${label}.k8s.overlays[${index}]`,
    patches: (Array.isArray(entry.patches) ? (entry.patches as readonly Json[]) : []).filter(isObject).map((patch) => ({
      path: String(patch.path ?? ''),
      value: patch.value,
    })),
  }));
}

function hasEntries(object: JsonObject): boolean {
  return Object.keys(object).length > 0;
}
