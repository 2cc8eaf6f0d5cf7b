/** The proxy's environment, by Istio's names, from which the agent builds everything that it tells the control plane. */
import { isDeepStrictEqual } from 'node:util';
import { names } from '#api/constants.ts';
import { defaultProxyConfig, type MeshConfig, type ProxyConfig } from '#api/index.ts';
import { renderOwner, type Workload } from './owner.ts';
import type { Container, EnvVar, Pod } from './pod.ts';
import type { PodSettings } from './podsettings.ts';
import type { InjectionSettings } from './settings.ts';

export interface EnvironmentInput {
  readonly pod: Pod;
  readonly namespace: string;
  readonly workload: Workload;
  readonly meshConfig: MeshConfig;
  readonly settings: InjectionSettings;
  readonly podSettings: PodSettings;
  /** From the webhook's URL: cluster and network of the API server that asks. */
  readonly place: { readonly cluster?: string; readonly network?: string };
}

export function buildEnvironment(input: EnvironmentInput): EnvVar[] {
  const { pod, namespace, workload, meshConfig, settings, podSettings, place } = input;
  const { proxyConfig } = podSettings;
  const applications = (pod.spec?.containers ?? []).filter(({ name }) => name !== names.proxyContainer);
  const network = place.network ?? pod.metadata?.labels?.['topology.istio.io/network'] ?? settings.network;
  const meshId = settings.meshId || proxyConfig.meshId || meshConfig.trustDomain || names.clusterDomain;
  return [
    text('PILOT_CERT_PROVIDER', 'istiod'),
    text('CA_ADDR', settings.caAddress || proxyConfig.discoveryAddress || defaultProxyConfig.discoveryAddress),
    field('POD_NAME', 'metadata.name'),
    field('POD_NAMESPACE', 'metadata.namespace'),
    field('INSTANCE_IP', 'status.podIP'),
    field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    field('HOST_IP', 'status.hostIP'),
    {
      name: 'ISTIO_CPU_LIMIT',
      valueFrom: { resourceFieldRef: { containerName: names.proxyContainer, resource: 'limits.cpu', divisor: '0' } },
    },
    text('PROXY_CONFIG', JSON.stringify(renderProxyConfig(proxyConfig))),
    text('ISTIO_META_POD_PORTS', JSON.stringify((pod.spec?.containers ?? []).flatMap(renderPorts))),
    text('ISTIO_META_APP_CONTAINERS', applications.map(({ name }) => name).join(',')),
    text('ISTIO_META_CLUSTER_ID', place.cluster ?? settings.clusterName),
    field('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    text('ISTIO_META_INTERCEPTION_MODE', podSettings.interceptionMode),
    ...(network ? [text('ISTIO_META_NETWORK', network)] : []),
    ...(workload.name
      ? [text('ISTIO_META_WORKLOAD_NAME', workload.name), text('ISTIO_META_OWNER', renderOwner(workload, namespace))]
      : []),
    text('ISTIO_META_MESH_ID', meshId),
    text('TRUST_DOMAIN', meshConfig.trustDomain || names.clusterDomain),
    ...Object.entries(proxyConfig.proxyMetadata ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => text(name, value)),
  ];
}

/** What differs from the agent's own defaults. */
function renderProxyConfig(config: ProxyConfig): Readonly<Record<string, unknown>> {
  const defaults: Readonly<Record<string, unknown>> = defaultProxyConfig;
  return Object.fromEntries(
    Object.entries(config).filter(([name, value]) => value !== undefined && !isDeepStrictEqual(value, defaults[name])),
  );
}

function renderPorts({ ports = [] }: Container): readonly object[] {
  return ports.map(({ name, containerPort, protocol }) => ({
    ...(name ? { name } : {}),
    containerPort,
    ...(protocol ? { protocol } : {}),
  }));
}

function text(name: string, value: string): EnvVar {
  return { name, value };
}

function field(name: string, fieldPath: string): EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
