/** What is asked of one pod's proxy: mesh defaults, the proxy configuration, then the pod's annotations. */

import { annotations } from '#api/constants.ts';
import { type Diagnostic, type ProxyConfig, parseProxyConfig } from '#api/index.ts';
import { annotationPath, checkAnnotations } from './annotations.ts';
import type { Pod, ResourceRequirements } from './pod.ts';
import type { InjectionSettings } from './settings.ts';

export interface PodSettings {
  readonly template: 'sidecar' | 'gateway';
  readonly native: boolean;
  readonly proxyConfig: ProxyConfig;
  readonly image: string;
  readonly initImage: string;
  readonly interceptionMode: 'REDIRECT' | 'TPROXY' | 'NONE';
  readonly holdApplication: boolean;
  readonly rewriteProbes: boolean;
  readonly mergeMetrics: boolean;
  readonly bindsLowPorts: boolean;
  readonly logLevel: string;
  readonly componentLogLevel: string;
  readonly agentLogLevel: string;
  readonly resources: ResourceRequirements | undefined;
  /** 0: no readiness probe. */
  readonly statusPort: number;
  readonly readiness: InjectionSettings['readiness'];
  readonly redirect: {
    readonly includeIpRanges: string;
    readonly excludeIpRanges: string;
    readonly includeInboundPorts: string;
    readonly excludeInboundPorts: string;
    readonly includeOutboundPorts: string;
    readonly excludeOutboundPorts: string;
    readonly excludeInterfaces: string;
    readonly virtualInterfaces: string;
  };
  /** By volume name. */
  readonly userVolumes: Readonly<Record<string, unknown>>;
  readonly userMounts: Readonly<Record<string, unknown>>;
}

export interface PodSettingsInput {
  readonly pod: Pod;
  readonly settings: InjectionSettings;
  /** MeshConfig.defaultConfig, and ProxyConfig resources over it. */
  readonly proxyConfig: ProxyConfig;
  readonly enablePrometheusMerge: boolean;
  readonly parseYaml: (text: string) => unknown;
}

export interface ParsedPodSettings {
  readonly value: PodSettings;
  /** With an error among them the value must not be used. */
  readonly diagnostics: readonly Diagnostic[];
}

export function parsePodSettings({
  pod,
  settings,
  proxyConfig: base,
  enablePrometheusMerge,
  parseYaml,
}: PodSettingsInput): ParsedPodSettings {
  const given = pod.metadata?.annotations ?? {};
  const config = readProxyConfig(given[annotations.proxyConfig], base, parseYaml);
  const template = readTemplate(given[annotations.templates], settings);
  const text = (name: string, fallback: string) => given[name] ?? fallback;
  const flag = (name: string, fallback: boolean) => (given[name] === undefined ? fallback : given[name] === 'true');
  const number = (name: string, fallback: number) => (given[name] === undefined ? fallback : Number(given[name]));
  const { proxyConfig } = config;
  const variant = given[annotations.proxyImageType] ?? proxyConfig.image?.imageType;
  const ownImage = given[annotations.proxyImage];
  const value: PodSettings = {
    template: template.name,
    native: flag(annotations.nativeSidecar, settings.nativeSidecars) && template.name === 'sidecar',
    proxyConfig,
    image: ownImage ?? settings.image(settings.proxyImage, variant),
    initImage: ownImage ?? settings.image(settings.initImage, variant),
    interceptionMode: interceptionMode(given[annotations.interceptionMode] ?? proxyConfig.interceptionMode),
    holdApplication: proxyConfig.holdApplicationUntilProxyStarts ?? settings.holdApplication,
    rewriteProbes: flag(annotations.rewriteAppHTTPProbers, settings.rewriteProbes),
    mergeMetrics: flag(annotations.mergeMetrics, enablePrometheusMerge),
    bindsLowPorts: flag(annotations.capNetBindService, false),
    logLevel: text(annotations.logLevel, settings.logLevel),
    componentLogLevel: text(annotations.componentLogLevel, settings.componentLogLevel),
    agentLogLevel: text(annotations.agentLogLevel, settings.agentLogLevel),
    resources: readResources(given) ?? settings.resources,
    statusPort: number(annotations.statusPort, settings.statusPort),
    readiness: {
      initialDelaySeconds: number(annotations.readinessInitialDelaySeconds, settings.readiness.initialDelaySeconds),
      periodSeconds: number(annotations.readinessPeriodSeconds, settings.readiness.periodSeconds),
      failureThreshold: number(annotations.readinessFailureThreshold, settings.readiness.failureThreshold),
    },
    redirect: {
      includeIpRanges: text(annotations.includeOutboundIPRanges, settings.includeIpRanges),
      excludeIpRanges: text(annotations.excludeOutboundIPRanges, settings.excludeIpRanges),
      includeInboundPorts: text(annotations.includeInboundPorts, settings.includeInboundPorts),
      excludeInboundPorts: text(annotations.excludeInboundPorts, settings.excludeInboundPorts),
      includeOutboundPorts: text(annotations.includeOutboundPorts, settings.includeOutboundPorts),
      excludeOutboundPorts: text(annotations.excludeOutboundPorts, settings.excludeOutboundPorts),
      excludeInterfaces: text(annotations.excludeInterfaces, ''),
      virtualInterfaces: given[annotations.rerouteVirtualInterfaces] ?? text(annotations.kubevirtInterfaces, ''),
    },
    userVolumes: readObject(given[annotations.userVolume]),
    userMounts: readObject(given[annotations.userVolumeMount]),
  };
  return { value, diagnostics: [...checkAnnotations(given), ...config.diagnostics, ...template.diagnostics] };
}

function readProxyConfig(
  text: string | undefined,
  base: ProxyConfig,
  parseYaml: (text: string) => unknown,
): { proxyConfig: ProxyConfig; diagnostics: readonly Diagnostic[] } {
  if (text === undefined) return { proxyConfig: base, diagnostics: [] };
  const path = annotationPath(annotations.proxyConfig);
  const below = (one: Diagnostic): Diagnostic => ({ ...one, path: `${path}.${one.path}` });
  let yaml: unknown;
  try {
    yaml = parseYaml(text);
  } catch (error) {
    const message = `is not YAML: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
    return { proxyConfig: base, diagnostics: [{ path, message, severity: 'error' }] };
  }
  const parsed = parseProxyConfig(yaml, base);
  return parsed.ok
    ? { proxyConfig: parsed.value, diagnostics: parsed.warnings.map(below) }
    : { proxyConfig: base, diagnostics: parsed.errors.map(below) };
}

function readTemplate(
  text: string | undefined,
  settings: InjectionSettings,
): { name: 'sidecar' | 'gateway'; diagnostics: readonly Diagnostic[] } {
  const [name = '', ...more] =
    text === undefined ? settings.defaultTemplates : text.split(',').map((one) => one.trim());
  if ((name === 'sidecar' || name === 'gateway') && more.length === 0) return { name, diagnostics: [] };
  const path = annotationPath(annotations.templates);
  return { name: 'sidecar', diagnostics: [{ path, message: 'must be sidecar or gateway', severity: 'error' }] };
}

function interceptionMode(text: string | undefined): PodSettings['interceptionMode'] {
  return text === 'TPROXY' || text === 'NONE' ? text : 'REDIRECT';
}

/** As in Istio: one annotation about resources replaces all the defaults. */
function readResources(given: Readonly<Record<string, string>>): ResourceRequirements | undefined {
  const requests = pick({ cpu: given[annotations.proxyCPU], memory: given[annotations.proxyMemory] });
  const limits = pick({ cpu: given[annotations.proxyCPULimit], memory: given[annotations.proxyMemoryLimit] });
  if (!requests && !limits) return undefined;
  return { ...(requests ? { requests } : {}), ...(limits ? { limits } : {}) };
}

function pick(quantities: Readonly<Record<string, string | undefined>>): Record<string, string> | undefined {
  const present = Object.entries(quantities).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return present.length > 0 ? Object.fromEntries(present) : undefined;
}

/** The annotation's JSON, which `checkAnnotations` has looked at. */
function readObject(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) return {};
  try {
    return Object(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
