import { parse } from 'yaml';
import type { ServerCertificate } from '#ca/index.ts';
import { type KubeClient, type KubeObject, resources, watchKind } from '#kube/index.ts';
import { type Component, type Logger, type Metrics, runComponents } from '#runtime/index.ts';
import {
  declareInjectionMetrics,
  declareValidationMetrics,
  type InjectionSettings,
  WebhookServer,
} from '#webhook/index.ts';
import { parseAddress } from '../settings.ts';
import { readInjection } from './injection.ts';
import type { Mesh } from './mesh.ts';
import type { DiscoverySettings } from './settings.ts';
import { revisioned } from './trust-domain.ts';

export interface AdmissionOptions {
  readonly settings: DiscoverySettings;
  readonly client: KubeClient;
  readonly mesh: Pick<Mesh, 'graph' | 'inputs'>;
  readonly certificate: ServerCertificate;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** The webhooks, with injection by the ConfigMap `istio-sidecar-injector` of this revision, followed as it changes. */
export function createAdmission(options: AdmissionOptions): Component {
  const { settings, client, mesh, certificate, metrics } = options;
  const logger = options.logger.child({ scope: 'webhook' });
  const bind = parseAddress(settings.httpsAddr);
  let injection: InjectionSettings | undefined;

  const take = (object: ConfigMap | undefined) => {
    injection = readInjection(object?.data ?? (object === undefined ? undefined : {}), injection, logger);
  };
  const name = revisioned('istio-sidecar-injector', settings.revision);
  const watch = watchKind<ConfigMap>({
    client,
    resource: resources.configMaps,
    namespace: settings.namespace,
    fieldSelector: `metadata.name=${name}`,
    onBatch: (batch) => {
      if (batch.type === 'replace') take(batch.objects[0]);
      else for (const { type, object } of batch.changes) take(type === 'set' ? object : undefined);
    },
    onTrouble: ({ error, retryInMs }) => logger.warn('injection settings cannot be watched', { error, retryInMs }),
  });
  if (bind === undefined) return { name: 'webhooks', run: (signal) => watch.run(signal) };
  const server = new WebhookServer({
    ...bind,
    certificate,
    injection: {
      current: () => {
        const meshConfig = mesh.graph.peek(mesh.inputs.meshConfig, 'mesh');
        if (injection === undefined || meshConfig === undefined) return undefined;
        return { meshConfig, settings: injection, parseYaml: (text) => parse(text) as unknown };
      },
    },
    injectionMetrics: declareInjectionMetrics(metrics),
    validationMetrics: declareValidationMetrics(metrics),
    logger,
  });
  return { name: 'webhooks', run: (signal) => runComponents([watch, server], signal, { logger }) };
}
