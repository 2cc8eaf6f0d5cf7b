import type { Graph, Query } from '#graph/types.ts';
import { sameData } from './equality.ts';
import { resolveRetry } from './frontend/istio/retry.ts';
import type { MeshInputs } from './inputs.ts';
import { defaultMeshConfig, type MeshConfig, parseDuration } from './specs.ts';
import type { MeshSettings } from './types/settings.ts';

/** `settings` (key ''): the mesh's settings, Istio's defaults until a MeshConfig has been read. */
export function defineSettings(graph: Graph, inputs: MeshInputs): { readonly settings: Query<MeshSettings> } {
  const settings = graph.query(
    'settings',
    (reader) => resolveMeshSettings(reader.get(inputs.meshConfig, 'mesh') ?? defaultMeshConfig),
    { equal: sameData },
  );
  return { settings };
}

/** What the model and the spelling read of a MeshConfig; a field that is absent has Istio's default. */
export function resolveMeshSettings(config: MeshConfig): MeshSettings {
  const merged: MeshConfig = { ...defaultMeshConfig, ...config };
  const keepalive = resolveKeepalive(merged);
  return {
    rootNamespace: merged.rootNamespace || 'istio-system',
    trustDomain: merged.trustDomain || 'cluster.local',
    trustDomainAliases: merged.trustDomainAliases ?? [],
    outboundTrafficPolicy: merged.outboundTrafficPolicy?.mode ?? 'ALLOW_ANY',
    ...(merged.outboundTrafficPolicy?.tls === undefined ? {} : { outboundTls: merged.outboundTrafficPolicy.tls }),
    inboundTrafficPolicy: merged.inboundTrafficPolicy?.mode === 'LOCALHOST' ? 'LOCALHOST' : 'PASSTHROUGH',
    protocolDetectionTimeoutMs: milliseconds(merged.protocolDetectionTimeout, 0),
    connectTimeoutMs: milliseconds(merged.connectTimeout, 10_000) || 10_000,
    dnsRefreshMs: milliseconds(merged.dnsRefreshRate, 60_000) || 60_000,
    enableAutoMtls: merged.enableAutoMtls ?? true,
    ...(keepalive === undefined ? {} : { tcpKeepalive: keepalive }),
    h2Upgrade: merged.h2UpgradePolicy === 'UPGRADE',
    accessLogFile: merged.accessLogFile ?? '',
    accessLogFormat: merged.accessLogFormat ?? '',
    accessLogEncoding: merged.accessLogEncoding ?? 'TEXT',
    defaultServiceExportTo: orEverywhere(merged.defaultServiceExportTo),
    ...resolveEntryVisibility(merged),
    defaultVirtualServiceExportTo: orEverywhere(merged.defaultVirtualServiceExportTo),
    defaultDestinationRuleExportTo: orEverywhere(merged.defaultDestinationRuleExportTo),
    defaultRetries: resolveDefaultRetries(merged),
    proxyListenPort: merged.proxyListenPort || 15_001,
    proxyInboundListenPort: merged.proxyInboundListenPort || 15_006,
    enablePrometheusMerge: merged.enablePrometheusMerge ?? true,
  };
}

function resolveEntryVisibility({ serviceEntryVisibility: given }: MeshConfig): Pick<MeshSettings, 'entryVisibility'> {
  if (given?.applyToSidecars !== true) return {};
  const orPublic = (visibility: typeof given.defaultVisibility) =>
    visibility === undefined || visibility === 'VISIBILITY_UNSPECIFIED' ? 'PUBLIC' : visibility;
  return {
    entryVisibility: {
      byDefault: orPublic(given.defaultVisibility),
      policies: (given.policies ?? []).map(({ visibility, matchingRules = [] }) => ({
        visibility: orPublic(visibility),
        namespaces: matchingRules.map(({ namespaceSelector }) => namespaceSelector),
      })),
    },
  };
}

const orEverywhere = (exportTo: readonly string[] | undefined): readonly string[] =>
  exportTo === undefined || exportTo.length === 0 ? ['*'] : exportTo;

function milliseconds(text: string | undefined, fallback: number): number {
  return (text === undefined ? undefined : parseDuration(text)) ?? fallback;
}

function resolveDefaultRetries(config: MeshConfig): MeshSettings['defaultRetries'] {
  const standard = {
    attempts: 2,
    retryOn: 'connect-failure,refused-stream,unavailable,cancelled',
    retriableStatusCodes: [],
  };
  const resolved = resolveRetry(config.defaultHttpRetryPolicy, standard);
  if (resolved === undefined) return { ...standard, attempts: 0 };
  const { attempts, retryOn, retriableStatusCodes } = resolved;
  return { attempts, retryOn, retriableStatusCodes };
}

function resolveKeepalive(config: MeshConfig): MeshSettings['tcpKeepalive'] {
  const { tcpKeepalive } = config;
  if (tcpKeepalive === undefined) return undefined;
  const timeMs = tcpKeepalive.time === undefined ? undefined : parseDuration(tcpKeepalive.time);
  const intervalMs = tcpKeepalive.interval === undefined ? undefined : parseDuration(tcpKeepalive.interval);
  return {
    ...(tcpKeepalive.probes === undefined ? {} : { probes: tcpKeepalive.probes }),
    ...(timeMs === undefined ? {} : { timeMs }),
    ...(intervalMs === undefined ? {} : { intervalMs }),
  };
}
