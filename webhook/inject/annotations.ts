/** Checks of the annotations by which a pod's author steers injection. */
import { isIP } from 'node:net';
import { annotations } from '#api/constants.ts';
import type { Diagnostic } from '#api/index.ts';

/** Says what a value must be, undefined when it is that. */
type Check = (text: string) => string | undefined;

const pattern =
  (expression: RegExp, what: string): Check =>
  (text) =>
    text.length <= 256 && expression.test(text) ? undefined : what;

const list =
  (one: (item: string) => boolean, what: string, all: boolean): Check =>
  (text) => {
    if (text === '' || (all && text.trim() === '*')) return undefined;
    return text.split(',').every((item) => one(item.trim())) ? undefined : what;
  };

const isPort = (text: string) => /^\d{1,5}$/.test(text) && Number(text) <= 65535;

function isRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

const flag = pattern(/^(true|false)$/, 'must be "true" or "false"');
const seconds = pattern(/^\d{1,6}$/, 'must be a whole number');
const quantity = pattern(
  /^\d+(\.\d+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e\d+)?$/,
  'must be a Kubernetes quantity such as 100m or 128Mi',
);
const level = pattern(/^[A-Za-z0-9_:,=.-]*$/, 'must be a log level such as debug or default:info');
const ports = list(isPort, 'must be port numbers separated by commas', false);
const portsOrAll = list(isPort, 'must be port numbers separated by commas, or *', true);
const ranges = list(isRange, 'must be IP ranges (CIDR) separated by commas', false);
const rangesOrAll = list(isRange, 'must be IP ranges (CIDR) separated by commas, or *', true);
const interfaces = list(
  (item) => /^[A-Za-z0-9_.:@+-]{1,16}$/.test(item),
  'must be interface names separated by commas',
  false,
);

const jsonObject: Check = (text) => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'must be a JSON object';
  } catch (error) {
    return `must be a JSON object: ${error instanceof Error ? error.message : String(error)}`;
  }
};

const checks: Readonly<Record<string, Check>> = {
  [annotations.interceptionMode]: pattern(/^(REDIRECT|TPROXY|NONE)$/, 'must be REDIRECT, TPROXY or NONE'),
  [annotations.includeInboundPorts]: portsOrAll,
  [annotations.excludeInboundPorts]: ports,
  [annotations.includeOutboundPorts]: ports,
  [annotations.excludeOutboundPorts]: ports,
  [annotations.includeOutboundIPRanges]: rangesOrAll,
  [annotations.excludeOutboundIPRanges]: ranges,
  [annotations.excludeInterfaces]: interfaces,
  [annotations.kubevirtInterfaces]: interfaces,
  [annotations.rerouteVirtualInterfaces]: interfaces,
  [annotations.proxyCPU]: quantity,
  [annotations.proxyCPULimit]: quantity,
  [annotations.proxyMemory]: quantity,
  [annotations.proxyMemoryLimit]: quantity,
  [annotations.proxyImage]: pattern(/^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/, 'must be the name of an image'),
  [annotations.proxyImageType]: pattern(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'must be an image variant such as distroless'),
  [annotations.logLevel]: level,
  [annotations.componentLogLevel]: level,
  [annotations.agentLogLevel]: level,
  [annotations.nativeSidecar]: flag,
  [annotations.rewriteAppHTTPProbers]: flag,
  [annotations.mergeMetrics]: flag,
  [annotations.capNetBindService]: flag,
  [annotations.statusPort]: (text) => (isPort(text) ? undefined : 'must be a port number, or 0 for no probe'),
  [annotations.readinessInitialDelaySeconds]: seconds,
  [annotations.readinessPeriodSeconds]: seconds,
  [annotations.readinessFailureThreshold]: seconds,
  [annotations.readinessApplicationPorts]: ports,
  [annotations.userVolume]: jsonObject,
  [annotations.userVolumeMount]: jsonObject,
};

/** Known, but without effect so far: said at admission, so that nobody waits for it. */
const withoutEffect: ReadonlySet<string> = new Set([
  annotations.bootstrapOverride,
  annotations.extraStatTags,
  annotations.statsCompression,
  annotations.statsEvictionInterval,
  annotations.statsFlushInterval,
  annotations.statsHistogramBins,
  annotations.statsHistogramBuckets,
  annotations.healthChecksEnabled,
  annotations.controlPlaneClusters,
  annotations.readinessApplicationPorts,
]);

const known: ReadonlySet<string> = new Set(Object.values(annotations));
const ours = /^(sidecar|traffic\.sidecar|readiness\.status\.sidecar|status\.sidecar|proxy|inject)\.istio\.io\//;

export function annotationPath(name: string): string {
  return `metadata.annotations[${JSON.stringify(name)}]`;
}

/** Errors for values that cannot be used; warnings for annotations that nothing reads. */
export function checkAnnotations(given: Readonly<Record<string, string>>): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const [name, text] of Object.entries(given)) {
    const path = annotationPath(name);
    const message = Object.hasOwn(checks, name) ? checks[name]?.(text) : undefined;
    if (message !== undefined)
      found.push({ path, message: `${message}, not ${JSON.stringify(text.slice(0, 64))}`, severity: 'error' });
    else if (withoutEffect.has(name)) found.push({ path, message: 'has no effect yet', severity: 'warning' });
    else if (ours.test(name) && !known.has(name))
      found.push({ path, message: 'is not an annotation of the mesh', severity: 'warning' });
  }
  return found;
}
