import { resources } from '#kube/index.ts';
import type { Installation, PilotPlan } from '../install/installation.ts';
import { type JsonObject, overlayObject } from '../install/json.ts';
import { buildChild, type Child, dropAbsent } from './child.ts';
import { fieldEnv, mergeEnv, placement, podSecurity, replicasOf, restrictedContainer, scratch } from './pod.ts';
import { renderScaling } from './scaling.ts';

export function pilotName({ suffix }: Installation): string {
  return `istiod${suffix}`;
}

/** The control plane's ServiceAccount, Deployment, Service, HPA and PDB. */
export function renderPilot(installation: Installation, pilot: PilotPlan): readonly Child[] {
  const { namespace, revision, shared } = installation;
  const name = pilotName(installation);
  const selector: JsonObject = { app: 'istiod', 'istio.io/rev': revision };
  const labels: JsonObject = { app: 'istiod', istio: 'pilot', ...pilot.settings.deploymentLabels };
  return [
    buildChild(installation, 'Pilot', resources.serviceAccounts, {
      name,
      namespace,
      labels: { app: 'istiod' },
      ...pullSecrets(shared.imagePullSecrets),
    }),
    buildChild(installation, 'Pilot', resources.services, {
      name,
      namespace,
      labels,
      annotations: pilot.settings.serviceAnnotations,
      spec: overlayObject({ type: 'ClusterIP', selector, ports: servicePorts }, pilot.settings.service),
    }),
    buildChild(installation, 'Pilot', resources.deployments, {
      name,
      namespace,
      labels,
      spec: {
        ...replicasOf(pilot.settings),
        ...dropAbsent({ strategy: pilot.settings.strategy }),
        selector: { matchLabels: selector },
        template: buildTemplate(installation, pilot, selector),
      },
    }),
    ...renderScaling(installation, { component: 'Pilot', name, namespace, labels, selector, settings: pilot.settings }),
  ];
}

const servicePorts: readonly JsonObject[] = [
  { name: 'grpc-xds', port: 15010, targetPort: 15010, protocol: 'TCP' },
  { name: 'https-dns', port: 15012, targetPort: 15012, protocol: 'TCP' },
  { name: 'https-webhook', port: 443, targetPort: 15017, protocol: 'TCP' },
  { name: 'http-monitoring', port: 15014, targetPort: 15014, protocol: 'TCP' },
];

const containerPorts: readonly JsonObject[] = [
  { name: 'http-debug', containerPort: 8080, protocol: 'TCP' },
  { name: 'grpc-xds', containerPort: 15010, protocol: 'TCP' },
  { name: 'tls-xds', containerPort: 15012, protocol: 'TCP' },
  { name: 'https-webhooks', containerPort: 15017, protocol: 'TCP' },
  { name: 'http-monitoring', containerPort: 15014, protocol: 'TCP' },
];

const readinessProbe: JsonObject = {
  httpGet: { path: '/ready', port: 8080 },
  initialDelaySeconds: 1,
  periodSeconds: 1,
  timeoutSeconds: 5,
};

function buildTemplate(installation: Installation, pilot: PilotPlan, selector: JsonObject): JsonObject {
  const { shared } = installation;
  const { settings } = pilot;
  return {
    metadata: {
      labels: {
        istio: 'pilot',
        'sidecar.istio.io/inject': 'false',
        'operator.istio.io/component': 'Pilot',
        'istio.io/dataplane-mode': 'none',
        ...settings.podLabels,
        ...selector,
      },
      annotations: {
        'sidecar.istio.io/inject': 'false',
        ...(shared.prometheusMerge ? { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '15014' } : {}),
        ...settings.podAnnotations,
      },
    },
    spec: {
      serviceAccountName: pilotName(installation),
      securityContext: podSecurity(settings, shared.platformAssignsUser),
      ...placement(settings),
      containers: [
        {
          name: 'discovery',
          image: pilot.image,
          ...dropAbsent({ imagePullPolicy: settings.imagePullPolicy }),
          args: buildArguments(installation, pilot),
          ports: containerPorts,
          readinessProbe: settings.readinessProbe ?? readinessProbe,
          env: mergeEnv(buildEnv(installation), settings),
          resources: settings.resources,
          securityContext: restrictedContainer,
          volumeMounts: [
            { name: 'tmp', mountPath: '/tmp' },
            { name: 'cacerts', mountPath: '/etc/cacerts', readOnly: true },
            ...settings.volumeMounts,
          ],
        },
      ],
      volumes: [
        scratch('tmp'),
        { name: 'cacerts', secret: { secretName: 'cacerts', optional: true } },
        ...settings.volumes,
      ],
    },
  };
}

function buildArguments({ shared }: Installation, pilot: PilotPlan): readonly string[] {
  return [
    'discovery',
    '--domain',
    shared.clusterDomain,
    `--log_output_level=${shared.logLevel}`,
    ...(shared.logAsJson ? ['--log_as_json'] : []),
    ...pilot.extraArgs,
  ];
}

function buildEnv(installation: Installation): readonly JsonObject[] {
  const { shared } = installation;
  return [
    { name: 'REVISION', value: installation.revision },
    { name: 'CLUSTER_ID', value: shared.clusterId },
    { name: 'ISTIOD_ADDR', value: `${pilotName(installation)}.${installation.namespace}.svc:15012` },
    fieldEnv('POD_NAME', 'metadata.name'),
    fieldEnv('POD_NAMESPACE', 'metadata.namespace'),
    fieldEnv('POD_IP', 'status.podIP'),
    fieldEnv('HOST_IP', 'status.hostIP'),
    fieldEnv('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
  ];
}

export function pullSecrets(names: readonly string[]): { imagePullSecrets?: readonly JsonObject[] } {
  return names.length === 0 ? {} : { imagePullSecrets: names.map((name) => ({ name })) };
}
