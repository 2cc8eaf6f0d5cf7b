import type { Json, JsonObject } from './json.ts';
import type { ValuesReader } from './values.ts';

/** The documents of ConfigMap `istio-sidecar-injector`, in Istio's form: how to inject, and the values it is done with. */
export function resolveInjector(
  merged: JsonObject,
  values: ValuesReader,
  revision: string,
): { config: JsonObject; values: JsonObject } {
  const webhook = 'sidecarInjectorWebhook';
  const templates = values.list(`${webhook}.defaultTemplates`);
  const config: JsonObject = {
    policy: values.text('global.proxy.autoInject') ?? 'enabled',
    defaultTemplates: templates === undefined || templates.length === 0 ? ['sidecar'] : templates,
    alwaysInjectSelector: values.list(`${webhook}.alwaysInjectSelector`) ?? [],
    neverInjectSelector: values.list(`${webhook}.neverInjectSelector`) ?? [],
    injectedAnnotations: values.strings(`${webhook}.injectedAnnotations`) ?? {},
    templates: {},
  };
  const passed: Record<string, Json> = { revision };
  for (const key of ['global', webhook]) {
    const value = merged[key];
    if (value !== undefined) passed[key] = value;
  }
  const pilotEnv = values.object('pilot.env');
  return {
    config,
    values: { ...passed, pilot: { cni: { enabled: false }, ...(pilotEnv === undefined ? {} : { env: pilotEnv }) } },
  };
}

/**
 * Values that the injector reads out of the ConfigMap; everything else has to be read by the operator itself to count as
 * honoured. Templates in Go's template language are none of them.
 */
export const injectorValues: readonly string[] = [
  'global.caAddress',
  'global.hub',
  'global.tag',
  'global.variant',
  'global.imagePullPolicy',
  'global.imagePullSecrets',
  'global.logging.level',
  'global.logAsJson',
  'global.network',
  'global.meshID',
  'global.multiCluster.clusterName',
  'global.proxy.image',
  'global.proxy.autoInject',
  'global.proxy.clusterDomain',
  'global.proxy.componentLogLevel',
  'global.proxy.logLevel',
  'global.proxy.excludeInboundPorts',
  'global.proxy.includeInboundPorts',
  'global.proxy.includeIPRanges',
  'global.proxy.excludeIPRanges',
  'global.proxy.includeOutboundPorts',
  'global.proxy.excludeOutboundPorts',
  'global.proxy.holdApplicationUntilProxyStarts',
  'global.proxy.readinessFailureThreshold',
  'global.proxy.readinessInitialDelaySeconds',
  'global.proxy.readinessPeriodSeconds',
  'global.proxy.startupProbe.enabled',
  'global.proxy.startupProbe.failureThreshold',
  'global.proxy.resources',
  'global.proxy.statusPort',
  'global.proxy_init.image',
  'global.proxy_init.resources',
  'pilot.env.ENABLE_NATIVE_SIDECARS',
  'sidecarInjectorWebhook.rewriteAppHTTPProbe',
  'sidecarInjectorWebhook.alwaysInjectSelector',
  'sidecarInjectorWebhook.neverInjectSelector',
  'sidecarInjectorWebhook.injectedAnnotations',
  'sidecarInjectorWebhook.defaultTemplates',
];
