import { type BootstrapOptions, bootstrapDefaults, buildBootstrap } from '#envoy/bootstrap/index.ts';
import { fromJson } from '#wire/index.ts';
import { istiodName } from './istiod.ts';

export interface PodProxy {
  readonly type: 'sidecar' | 'router';
  readonly pod: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  /** How traffic reaches the proxy; REDIRECT when absent. */
  readonly interceptionMode?: 'REDIRECT' | 'NONE';
  /** How it asks for names; default: as the agent has it do. */
  readonly dnsQuery?: BootstrapOptions['dnsQuery'];
}

/** The bootstrap that the agent would write for a pod's proxy whose certificate comes from the socket `sds`. */
export function buildPodBootstrap(
  { type, pod, namespace, serviceAccount, ip, labels, ...rest }: PodProxy,
  sds: string,
) {
  return fromJson(
    'envoy.config.bootstrap.v3.Bootstrap',
    buildBootstrap({
      ...bootstrapDefaults,
      nodeId: `${type}~${ip}~${pod}.${namespace}~${namespace}.svc.cluster.local`,
      cluster: `${pod}.${namespace}`,
      metadata: {
        ...{ NAMESPACE: namespace, SERVICE_ACCOUNT: serviceAccount, CLUSTER_ID: 'Kubernetes', INSTANCE_IPS: ip },
        ...{ LABELS: labels, WORKLOAD_NAME: pod, INTERCEPTION_MODE: rest.interceptionMode ?? 'REDIRECT' },
      },
      locality: { region: '', zone: '', subzone: '' },
      discovery: { host: '127.0.0.1', port: 15012, serverName: istiodName },
      addressFamilies: ['ipv4'],
      dnsQuery: rest.dnsQuery ?? bootstrapDefaults.dnsQuery,
      sds: { ...bootstrapDefaults.sds, socketPath: sds },
    }),
  );
}
