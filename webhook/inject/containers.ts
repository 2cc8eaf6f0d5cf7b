/** The two containers that injection adds: `istio-init` sets the redirection, `istio-proxy` is agent and Envoy. */

import { names, proxyPorts, proxyUid } from '#api/constants.ts';
import type { MeshConfig } from '#api/index.ts';
import type { Container, EnvVar, Probe, SecurityContext } from './pod.ts';
import type { PodSettings } from './podsettings.ts';
import type { InjectionSettings } from './settings.ts';
import { buildVolumeMounts } from './volumes.ts';

export interface ContainerInput {
  readonly settings: InjectionSettings;
  readonly podSettings: PodSettings;
  readonly meshConfig: MeshConfig;
}

/** Sets the pod's iptables rules as root, or with the CNI plugin checks that they are there. */
export function buildInitContainer({ settings, podSettings, meshConfig }: ContainerInput): Container {
  const { redirect } = podSettings;
  const resources = settings.initResources ?? podSettings.resources;
  // Envoy's own ports, and the agent's, are never captured.
  const excluded = [
    proxyPorts.prometheus,
    proxyPorts.health,
    podSettings.statusPort || proxyPorts.status,
    redirect.excludeInboundPorts,
  ];
  return {
    name: settings.cni ? names.validationContainer : names.initContainer,
    image: podSettings.initImage,
    ...pullPolicy(settings),
    args: [
      'istio-iptables',
      ...['-p', String(meshConfig.proxyListenPort ?? proxyPorts.outbound)],
      ...['-z', String(meshConfig.proxyInboundListenPort ?? proxyPorts.inbound)],
      ...['-u', String(proxyUid)],
      ...['-m', podSettings.interceptionMode],
      ...['-i', redirect.includeIpRanges],
      ...['-x', redirect.excludeIpRanges],
      ...['-b', redirect.includeInboundPorts],
      ...['-d', excluded.filter((port) => port !== '').join(',')],
      ...optional('-q', redirect.includeOutboundPorts),
      ...optional('-o', redirect.excludeOutboundPorts),
      ...optional('-k', redirect.virtualInterfaces),
      ...optional('-c', redirect.excludeInterfaces),
      ...(capturesDns(podSettings) ? ['--redirect-dns'] : []),
      `--log_output_level=${podSettings.agentLogLevel}`,
      ...(settings.logAsJson ? ['--log_as_json'] : []),
      ...(settings.cni ? ['--run-validation', '--skip-rule-apply'] : []),
    ],
    ...(resources ? { resources } : {}),
    securityContext: settings.cni ? unprivileged(true) : initSecurity,
  };
}

/** As the agent reads it from the environment that `proxyMetadata` becomes. */
function capturesDns({ proxyConfig }: PodSettings): boolean {
  return proxyConfig.proxyMetadata?.ISTIO_META_DNS_CAPTURE === 'true';
}

const initSecurity: SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
  privileged: false,
  readOnlyRootFilesystem: false,
  runAsGroup: 0,
  runAsNonRoot: false,
  runAsUser: 0,
};

export function buildProxyContainer(input: ContainerInput, env: readonly EnvVar[]): Container {
  const { settings, podSettings } = input;
  const { statusPort, readiness, template, native } = podSettings;
  return {
    name: names.proxyContainer,
    image: podSettings.image,
    ...pullPolicy(settings),
    ...(native ? { restartPolicy: 'Always' } : {}),
    args: [
      'proxy',
      template === 'gateway' ? 'router' : 'sidecar',
      '--domain',
      `$(POD_NAMESPACE).svc.${settings.clusterDomain}`,
      `--proxyLogLevel=${podSettings.logLevel}`,
      `--proxyComponentLogLevel=${podSettings.componentLogLevel}`,
      `--log_output_level=${podSettings.agentLogLevel}`,
      ...(settings.logAsJson ? ['--log_as_json'] : []),
    ],
    ports: [{ name: 'http-envoy-prom', containerPort: proxyPorts.prometheus, protocol: 'TCP' }],
    env: [...env],
    ...buildLifecycle(podSettings),
    ...(statusPort !== 0 && settings.startup.enabled
      ? { startupProbe: { ...healthProbe, periodSeconds: 1, failureThreshold: settings.startup.failureThreshold } }
      : {}),
    ...(statusPort !== 0 ? { readinessProbe: { ...healthProbe, ...readiness } } : {}),
    ...(podSettings.resources ? { resources: podSettings.resources } : {}),
    securityContext: proxySecurity(podSettings),
    volumeMounts: buildVolumeMounts(podSettings),
  };
}

const healthProbe: Probe = { httpGet: { path: '/healthz/ready', port: proxyPorts.health }, timeoutSeconds: 3 };

/** A sidecar that starts first holds the application back until it is ready; a native one is waited for by the kubelet. */
function buildLifecycle({ native, holdApplication, template }: PodSettings): Pick<Container, 'lifecycle'> {
  if (native || !holdApplication || template === 'gateway') return {};
  return { lifecycle: { postStart: { exec: { command: ['pilot-agent', 'wait'] } } } };
}

function proxySecurity({ interceptionMode, bindsLowPorts, template }: PodSettings): SecurityContext {
  const capabilities = [
    ...(interceptionMode === 'TPROXY' && template === 'sidecar' ? ['NET_ADMIN'] : []),
    ...(bindsLowPorts ? ['NET_BIND_SERVICE'] : []),
  ];
  if (capabilities.length === 0) return unprivileged(true);
  return {
    ...unprivileged(false),
    capabilities: { add: capabilities, drop: ['ALL'] },
    runAsUser: 0,
  };
}

function unprivileged(nonRoot: boolean): SecurityContext {
  return {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    privileged: false,
    readOnlyRootFilesystem: true,
    runAsGroup: proxyUid,
    runAsNonRoot: nonRoot,
    runAsUser: proxyUid,
  };
}

function pullPolicy({ imagePullPolicy }: InjectionSettings): Pick<Container, 'imagePullPolicy'> {
  return imagePullPolicy === undefined ? {} : { imagePullPolicy };
}

function optional(flag: string, value: string): string[] {
  return value === '' ? [] : [flag, value];
}
