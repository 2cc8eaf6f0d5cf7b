/** The pod as it is after injection. Objects are built, never text; the input is left as it is. */

import { annotations, labels, names, proxyPorts } from '#api/constants.ts';
import type { Diagnostic, MeshConfig, ProxyConfig } from '#api/index.ts';
import { buildPatch, type PatchOperation } from '../patch.ts';
import { buildInitContainer, buildProxyContainer } from './containers.ts';
import { resolveSkipReason } from './decide.ts';
import { buildEnvironment } from './environment.ts';
import { mergeContainer } from './merge.ts';
import { resolveWorkload, type Workload } from './owner.ts';
import type { Container, EnvVar, Pod } from './pod.ts';
import { type PodSettings, parsePodSettings } from './podsettings.ts';
import { rewriteProbes } from './probes.ts';
import type { InjectionSettings } from './settings.ts';
import { findMisshapen } from './shape.ts';
import { buildVolumes } from './volumes.ts';

export interface InjectionContext {
  /** With defaults. */
  readonly meshConfig: MeshConfig;
  /** MeshConfig.defaultConfig with ProxyConfig resources that select the pod over it; default: the former alone. */
  readonly proxyConfig?: ProxyConfig;
  readonly settings: InjectionSettings;
  /** The pod's, which its metadata lacks when it is being created. */
  readonly namespace: string;
  /** From the webhook's URL. */
  readonly place?: { readonly cluster?: string; readonly network?: string };
  readonly parseYaml: (text: string) => unknown;
}

export type InjectionResult =
  | {
      readonly kind: 'injected';
      readonly pod: Pod;
      readonly patch: readonly PatchOperation[];
      readonly warnings: readonly Diagnostic[];
    }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'refused'; readonly errors: readonly Diagnostic[] };

export function buildInjectedPod(pod: Pod, context: InjectionContext): InjectionResult {
  const { settings, meshConfig, namespace, parseYaml } = context;
  const misshapen = findMisshapen(pod);
  if (misshapen) return { kind: 'refused', errors: [misshapen] };
  const { metadata = {}, spec } = pod;
  const reason = resolveSkipReason({
    namespace,
    hostNetwork: spec?.hostNetwork === true,
    podLabels: metadata.labels ?? {},
    podAnnotations: metadata.annotations ?? {},
    ...settings,
  });
  if (reason !== undefined) return { kind: 'skipped', reason };
  if (isInjected(pod)) return { kind: 'skipped', reason: 'the pod has its sidecar already' };
  const { value: podSettings, diagnostics } = parsePodSettings({
    pod,
    settings,
    proxyConfig: context.proxyConfig ?? meshConfig.defaultConfig ?? {},
    enablePrometheusMerge: meshConfig.enablePrometheusMerge ?? true,
    parseYaml,
  });
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) return { kind: 'refused', errors };
  const taken = buildVolumes(podSettings).find(({ name }) => spec?.volumes?.some((volume) => volume.name === name));
  if (taken) return refuse('spec.volumes', `the name ${taken.name} is the sidecar's`);
  const injected = assemble(pod, context, podSettings);
  return { kind: 'injected', pod: injected, patch: buildPatch(pod, injected), warnings: diagnostics };
}

function refuse(path: string, message: string): InjectionResult {
  return { kind: 'refused', errors: [{ path, message, severity: 'error' }] };
}

/** The status annotation alone is not believed: it may have been copied with a template. */
function isInjected({ metadata, spec }: Pod): boolean {
  const marked = metadata?.annotations?.[annotations.sidecarStatus] !== undefined;
  return (
    marked &&
    [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ name }) => name === names.proxyContainer)
  );
}

function assemble(pod: Pod, context: InjectionContext, podSettings: PodSettings): Pod {
  const { settings, meshConfig, namespace, place = {} } = context;
  const { spec, metadata = {} } = pod;
  const workload = resolveWorkload(pod);
  const agentPort = podSettings.statusPort || proxyPorts.status;
  const others = (list: readonly Container[] = []) => list.filter(({ name }) => name !== names.proxyContainer);
  const applications = others(spec?.containers);
  const initial = others(spec?.initContainers);

  const rewrite = podSettings.rewriteProbes && podSettings.template === 'sidecar';
  const rewritten = [...applications, ...initial].map((container) =>
    rewrite ? rewriteProbes(container, agentPort) : { container, probers: {} },
  );
  const probers: Readonly<Record<string, unknown>> = Object.assign({}, ...rewritten.map((one) => one.probers));
  const metrics = podSettings.mergeMetrics
    ? mergeMetrics(metadata.annotations ?? {}, agentPort)
    : { annotations: {}, env: [] };

  const input = { settings, podSettings, meshConfig };
  const env: EnvVar[] = [
    ...buildEnvironment({ pod, namespace, workload, meshConfig, settings, podSettings, place }),
    ...(Object.keys(probers).length > 0 ? [{ name: 'ISTIO_KUBE_APP_PROBERS', value: JSON.stringify(probers) }] : []),
    ...metrics.env,
  ];
  const own = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].find(
    ({ name }) => name === names.proxyContainer,
  );
  const built = buildProxyContainer(input, env);
  const proxy = own ? mergeContainer(built, own) : built;
  const init =
    podSettings.template === 'sidecar' && podSettings.interceptionMode !== 'NONE' ? [buildInitContainer(input)] : [];

  const containers = rewritten.slice(0, applications.length).map((one) => one.container);
  const initContainers = rewritten.slice(applications.length).map((one) => one.container);
  const volumes = buildVolumes(podSettings);
  const pullSecrets = settings.imagePullSecrets.filter(
    (name) => !spec?.imagePullSecrets?.some((secret) => secret.name === name),
  );
  return {
    ...pod,
    metadata: {
      ...metadata,
      labels: { ...buildLabels(metadata.labels ?? {}, workload, podSettings), ...metadata.labels },
      annotations: {
        ...settings.injectedAnnotations,
        ...defaultContainer(metadata.annotations ?? {}, applications),
        ...metadata.annotations,
        [annotations.revision]: settings.revision,
        ...metrics.annotations,
        [annotations.sidecarStatus]: renderStatus(podSettings, settings, init, volumes),
      },
    },
    spec: {
      ...spec,
      ...placeContainers(podSettings, proxy, init, containers, initContainers),
      volumes: [...(spec?.volumes ?? []), ...volumes],
      ...(pullSecrets.length > 0
        ? { imagePullSecrets: [...(spec?.imagePullSecrets ?? []), ...pullSecrets.map((name) => ({ name }))] }
        : {}),
    },
  };
}

/**
 * A native sidecar starts before the application's own init containers, which are then part of the mesh. In the classic
 * form the redirection comes last, because nothing could leave the pod before the proxy runs.
 */
function placeContainers(
  { native, holdApplication, template }: PodSettings,
  proxy: Container,
  init: readonly Container[],
  containers: readonly Container[],
  initContainers: readonly Container[],
): { containers: Container[]; initContainers?: Container[] } {
  if (native) return { containers: [...containers], initContainers: [...init, proxy, ...initContainers] };
  const first = holdApplication || template === 'gateway';
  const before =
    init[0]?.name === names.validationContainer ? [...init, ...initContainers] : [...initContainers, ...init];
  return {
    containers: first ? [proxy, ...containers] : [...containers, proxy],
    ...(before.length > 0 ? { initContainers: before } : {}),
  };
}

function buildLabels(
  given: Readonly<Record<string, string>>,
  workload: Workload,
  { template }: PodSettings,
): Record<string, string> {
  const name = given[labels.appName] ?? given[labels.app] ?? workload.name;
  return {
    ...(template === 'sidecar' ? { [labels.tlsMode]: 'istio' } : {}),
    ...(name ? { [labels.canonicalName]: name.slice(0, 63).replace(/[-_.]+$/, '') } : {}),
    [labels.canonicalRevision]: given[labels.appVersion] ?? given[labels.version] ?? 'latest',
  };
}

/** What `kubectl logs` and `kubectl exec` show when no container is named. */
function defaultContainer(
  given: Readonly<Record<string, string>>,
  applications: readonly Container[],
): Record<string, string> {
  const [first] = applications;
  if (!first || given['kubectl.kubernetes.io/default-container'] !== undefined) return {};
  return {
    'kubectl.kubernetes.io/default-container': first.name,
    'kubectl.kubernetes.io/default-logs-container': first.name,
  };
}

/** Prometheus is led to the agent, which adds the application's metrics to Envoy's. */
function mergeMetrics(
  given: Readonly<Record<string, string>>,
  agentPort: number,
): { annotations: Record<string, string>; env: EnvVar[] } {
  const scrape = given[annotations.prometheusScrape];
  const port = given[annotations.prometheusPort];
  if (scrape === 'false' || port === String(agentPort)) return { annotations: {}, env: [] };
  const path = given[annotations.prometheusPath];
  const asked = { ...(scrape ? { scrape } : {}), ...(path ? { path } : {}), ...(port ? { port } : {}) };
  return {
    annotations: {
      [annotations.prometheusScrape]: 'true',
      [annotations.prometheusPort]: String(agentPort),
      [annotations.prometheusPath]: '/stats/prometheus',
    },
    env: Object.keys(asked).length > 0 ? [{ name: 'ISTIO_PROMETHEUS_ANNOTATIONS', value: JSON.stringify(asked) }] : [],
  };
}

function renderStatus(
  { native }: PodSettings,
  settings: InjectionSettings,
  init: readonly Container[],
  volumes: readonly { readonly name: string }[],
): string {
  const initNames = [...init.map(({ name }) => name), ...(native ? [names.proxyContainer] : [])];
  return JSON.stringify({
    initContainers: initNames.length > 0 ? initNames : null,
    containers: native ? null : [names.proxyContainer],
    volumes: volumes.map(({ name }) => name),
    imagePullSecrets: settings.imagePullSecrets.length > 0 ? settings.imagePullSecrets : null,
    revision: settings.revision,
  });
}
