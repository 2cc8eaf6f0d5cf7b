import { resources } from '#kube/index.ts';
import type { Installation, WebhookPlan } from '../install/installation.ts';
import type { JsonObject } from '../install/json.ts';
import { buildChild, type Child } from './child.ts';
import { meshResources } from './mesh-resources.ts';
import { pilotName } from './pilot.ts';

/**
 * The webhook configurations, whole: with the certificate authorities that vouch for istiod and a failure policy that
 * nobody changes afterwards. Rendered only once istiod answers, so that nothing is ever refused for want of an istiod.
 * @param caBundle PEM certificates
 */
export function renderWebhooks(installation: Installation, webhooks: WebhookPlan, caBundle: string): readonly Child[] {
  const { suffix, namespace } = installation;
  const bundle = Buffer.from(caBundle).toString('base64');
  const place = namespace === 'istio-system' ? '' : `-${namespace}`;
  const children: Child[] = [];
  if (webhooks.injection) {
    children.push(
      buildChild(installation, 'Pilot', resources.mutatingWebhookConfigurations, {
        name: `istio-sidecar-injector${suffix}${place}`,
        labels: { app: 'sidecar-injector' },
        webhooks: buildInjectionEntries(installation, webhooks, bundle),
      }),
    );
  }
  if (webhooks.validation) {
    children.push(
      buildChild(installation, 'Pilot', resources.validatingWebhookConfigurations, {
        name: `istio-validator${suffix}-${namespace}`,
        labels: { app: 'istiod', istio: 'istiod' },
        webhooks: buildValidationEntries(installation, bundle),
      }),
    );
  }
  return children;
}

type Expression = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
};

const revisionLabel = 'istio.io/rev';
const injectionLabel = 'istio-injection';
const podLabel = 'sidecar.istio.io/inject';
const absent = (key: string): Expression => ({ key, operator: 'DoesNotExist' });
const isIn = (key: string, ...values: string[]): Expression => ({ key, operator: 'In', values });
const notIn = (key: string, ...values: string[]): Expression => ({ key, operator: 'NotIn', values });

/** Namespaces that `enableNamespacesByDefault` never reaches: a cluster must be able to start without us. */
const systemNamespaces = ['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage'];

/** Istio's four entries, disjoint by construction: by revision or by `istio-injection`, each on namespace or pod. */
function buildInjectionEntries(
  installation: Installation,
  webhooks: WebhookPlan,
  bundle: string,
): readonly JsonObject[] {
  const { revision } = installation;
  const entries: [prefix: string, namespace: readonly Expression[], object: readonly Expression[]][] = [
    ['rev.namespace', [isIn(revisionLabel, revision), absent(injectionLabel)], [notIn(podLabel, 'false')]],
    [
      'rev.object',
      [absent(revisionLabel), absent(injectionLabel)],
      [notIn(podLabel, 'false'), isIn(revisionLabel, revision)],
    ],
  ];
  if (revision === 'default') {
    entries.push(
      ['namespace', [isIn(injectionLabel, 'enabled')], [notIn(podLabel, 'false')]],
      ['object', [absent(injectionLabel), absent(revisionLabel)], [isIn(podLabel, 'true'), absent(revisionLabel)]],
    );
    if (webhooks.enableNamespacesByDefault) {
      entries.push([
        'auto',
        [absent(injectionLabel), absent(revisionLabel), notIn('kubernetes.io/metadata.name', ...systemNamespaces)],
        [absent(podLabel), absent(revisionLabel)],
      ]);
    }
  }
  return entries.map(([prefix, namespace, object]) => ({
    name: `${prefix}.sidecar-injector.istio.io`,
    clientConfig: buildClient(installation, webhooks, webhooks.injectionPath, bundle),
    rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: '*' }],
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    sideEffects: 'None',
    reinvocationPolicy: webhooks.reinvocationPolicy,
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 10,
    namespaceSelector: { matchExpressions: namespace },
    objectSelector: { matchExpressions: object },
  }));
}

function buildClient(installation: Installation, webhooks: WebhookPlan, path: string, bundle: string): JsonObject {
  if (webhooks.injectionUrl !== undefined) return { url: webhooks.injectionUrl, caBundle: bundle };
  return {
    service: { name: pilotName(installation), namespace: installation.namespace, path, port: 443 },
    caBundle: bundle,
  };
}

/** Resources that name a revision are checked by it; those that name none, by the default revision. */
function buildValidationEntries(installation: Installation, bundle: string): readonly JsonObject[] {
  const { revision } = installation;
  const entries: [name: string, object: Expression][] = [['rev.validation.istio.io', isIn(revisionLabel, revision)]];
  if (revision === 'default') entries.push(['validation.istio.io', absent(revisionLabel)]);
  return entries.map(([name, object]) => ({
    name,
    clientConfig: {
      service: { name: pilotName(installation), namespace: installation.namespace, path: '/validate', port: 443 },
      caBundle: bundle,
    },
    rules: Object.entries(meshResources).map(([group, plurals]) => ({
      operations: ['CREATE', 'UPDATE'],
      apiGroups: [group],
      apiVersions: ['*'],
      resources: plurals,
      scope: '*',
    })),
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 10,
    namespaceSelector: {},
    objectSelector: { matchExpressions: [object] },
  }));
}
