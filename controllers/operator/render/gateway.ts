import { resources } from '#kube/index.ts';
import type { GatewayPlan, Installation } from '../install/installation.ts';
import { isObject, type JsonObject, overlayObject } from '../install/json.ts';
import { buildChild, type Child, dropAbsent } from './child.ts';
import { pullSecrets } from './pilot.ts';
import { fieldEnv, mergeEnv, placement, podSecurity, replicasOf, restrictedContainer, scratch } from './pod.ts';
import { renderScaling } from './scaling.ts';

/** A gateway's ServiceAccount, access to its Secrets, Deployment, Service, HPA and PDB. */
export function renderGateway(installation: Installation, gateway: GatewayPlan): readonly Child[] {
  const { component, name, namespace, labels, settings } = gateway;
  const build = (resource: Child['resource'], fields: Parameters<typeof buildChild>[3]) =>
    buildChild(installation, component, resource, fields);
  const account = `${name}-service-account`;
  const access = `${name}-sds`;
  return [
    build(resources.serviceAccounts, {
      name: account,
      namespace,
      labels,
      ...pullSecrets(installation.shared.imagePullSecrets),
    }),
    build(resources.roles, {
      name: access,
      namespace,
      labels,
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch'] }],
    }),
    build(resources.roleBindings, {
      name: access,
      namespace,
      labels,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: access },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
    }),
    build(resources.services, {
      name,
      namespace,
      labels,
      annotations: settings.serviceAnnotations,
      spec: overlayObject({ type: gateway.serviceType, selector: labels, ports: gateway.ports }, settings.service),
    }),
    build(resources.deployments, {
      name,
      namespace,
      labels: { ...settings.deploymentLabels, ...labels },
      spec: {
        ...replicasOf(settings),
        ...dropAbsent({ strategy: settings.strategy }),
        selector: { matchLabels: labels },
        template: buildTemplate(installation, gateway, account),
      },
    }),
    ...renderScaling(installation, { component, name, namespace, labels, selector: labels, settings }),
  ];
}

function buildTemplate(installation: Installation, gateway: GatewayPlan, account: string): JsonObject {
  const { settings } = gateway;
  const { shared, revision } = installation;
  return {
    metadata: {
      labels: {
        ...settings.podLabels,
        'istio.io/rev': revision,
        'operator.istio.io/component': gateway.component,
        'service.istio.io/canonical-name': gateway.name,
        'service.istio.io/canonical-revision': revision === 'default' ? 'latest' : revision,
        'sidecar.istio.io/inject': 'false',
        'istio.io/dataplane-mode': 'none',
        ...gateway.labels,
      },
      annotations: {
        'istio.io/rev': revision,
        'sidecar.istio.io/inject': 'false',
        ...(shared.prometheusMerge
          ? { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '15020', 'prometheus.io/path': '/stats/prometheus' }
          : {}),
        ...settings.podAnnotations,
      },
    },
    spec: {
      serviceAccountName: account,
      securityContext: podSecurity(settings, shared.platformAssignsUser),
      ...placement(settings),
      containers: [buildProxy(installation, gateway)],
      volumes: [...proxyVolumes, ...settings.volumes],
    },
  };
}

const readinessProbe: JsonObject = {
  httpGet: { path: '/healthz/ready', port: 15021, scheme: 'HTTP' },
  initialDelaySeconds: 1,
  periodSeconds: 2,
  timeoutSeconds: 1,
  successThreshold: 1,
  failureThreshold: 30,
};

function buildProxy(installation: Installation, gateway: GatewayPlan): JsonObject {
  const { settings } = gateway;
  const { shared } = installation;
  return {
    name: 'istio-proxy',
    image: gateway.image,
    ...dropAbsent({ imagePullPolicy: settings.imagePullPolicy }),
    args: [
      'proxy',
      'router',
      '--domain',
      `$(POD_NAMESPACE).svc.${shared.clusterDomain}`,
      `--proxyLogLevel=${shared.proxyLogLevel}`,
      `--proxyComponentLogLevel=${shared.proxyComponentLogLevel}`,
      `--log_output_level=${shared.logLevel}`,
      ...(shared.logAsJson ? ['--log_as_json'] : []),
    ],
    ports: [...readContainerPorts(gateway), { name: 'http-envoy-prom', containerPort: 15090, protocol: 'TCP' }],
    readinessProbe: settings.readinessProbe ?? readinessProbe,
    env: mergeEnv(buildEnv(installation, gateway), settings),
    resources: settings.resources,
    securityContext: restrictedContainer,
    volumeMounts: [...proxyMounts, ...settings.volumeMounts],
  };
}

/** One container port per port of the Service, as it finally stands; names must be short, so they are left out. */
function readContainerPorts(gateway: GatewayPlan): readonly JsonObject[] {
  const given = gateway.settings.service.ports;
  const ports = (Array.isArray(given) ? given : gateway.ports).filter(isObject);
  return ports.map((port) => {
    const target = port.targetPort;
    const containerPort = typeof target === 'number' ? target : Number(port.port);
    return { containerPort, protocol: typeof port.protocol === 'string' ? port.protocol : 'TCP' };
  });
}

function buildEnv(installation: Installation, gateway: GatewayPlan): readonly JsonObject[] {
  const { shared } = installation;
  const { defaultConfig } = installation.mesh;
  return [
    { name: 'CA_ADDR', value: shared.caAddress },
    { name: 'PROXY_CONFIG', value: JSON.stringify(defaultConfig ?? {}) },
    { name: 'TRUST_DOMAIN', value: shared.trustDomain },
    fieldEnv('NODE_NAME', 'spec.nodeName'),
    fieldEnv('POD_NAME', 'metadata.name'),
    fieldEnv('POD_NAMESPACE', 'metadata.namespace'),
    fieldEnv('INSTANCE_IP', 'status.podIP'),
    fieldEnv('HOST_IP', 'status.hostIP'),
    fieldEnv('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    fieldEnv('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    { name: 'ISTIO_META_CLUSTER_ID', value: shared.clusterId },
    { name: 'ISTIO_META_MESH_ID', value: shared.meshId },
    ...(shared.network === undefined ? [] : [{ name: 'ISTIO_META_NETWORK', value: shared.network }]),
    { name: 'ISTIO_META_WORKLOAD_NAME', value: gateway.name },
    {
      name: 'ISTIO_META_OWNER',
      value: `kubernetes://apis/apps/v1/namespaces/${gateway.namespace}/deployments/${gateway.name}`,
    },
    { name: 'ISTIO_META_UNPRIVILEGED_POD', value: 'true' },
    ...readProxyMetadata(defaultConfig),
  ];
}

/** `defaultConfig.proxyMetadata` reaches the agent as plain environment variables. */
function readProxyMetadata(defaultConfig: JsonObject[string] | undefined): readonly JsonObject[] {
  const metadata = isObject(defaultConfig) ? defaultConfig.proxyMetadata : undefined;
  if (!isObject(metadata)) return [];
  return Object.entries(metadata).map(([name, value]) => ({ name, value: String(value) }));
}

const proxyVolumes: readonly JsonObject[] = [
  scratch('workload-socket'),
  scratch('credential-socket'),
  scratch('workload-certs'),
  scratch('istio-envoy', 'Memory'),
  scratch('istio-data'),
  { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
  {
    name: 'istio-token',
    projected: {
      sources: [{ serviceAccountToken: { path: 'istio-token', expirationSeconds: 43_200, audience: 'istio-ca' } }],
    },
  },
  {
    name: 'podinfo',
    downwardAPI: {
      items: [
        { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
        { path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } },
      ],
    },
  },
];

const proxyMounts: readonly JsonObject[] = [
  { name: 'workload-socket', mountPath: '/var/run/secrets/workload-spiffe-uds' },
  { name: 'credential-socket', mountPath: '/var/run/secrets/credential-uds' },
  { name: 'workload-certs', mountPath: '/var/run/secrets/workload-spiffe-credentials' },
  { name: 'istio-envoy', mountPath: '/etc/istio/proxy' },
  { name: 'istio-data', mountPath: '/var/lib/istio/data' },
  { name: 'istiod-ca-cert', mountPath: '/var/run/secrets/istio' },
  { name: 'istio-token', mountPath: '/var/run/secrets/tokens', readOnly: true },
  { name: 'podinfo', mountPath: '/etc/istio/pod' },
];
