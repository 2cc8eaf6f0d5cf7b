/** The proxy's volumes: sockets and scratch space, the pod's own metadata, its token and the mesh's roots. */

import { names, tokenAudience } from '#api/constants.ts';
import type { Volume, VolumeMount } from './pod.ts';
import type { PodSettings } from './podsettings.ts';

/** Half a day: the kubelet replaces the token long before. */
const tokenSeconds = 43_200;

export function buildVolumes({ userVolumes }: PodSettings): Volume[] {
  return [
    { name: 'workload-socket', emptyDir: {} },
    { name: 'credential-socket', emptyDir: {} },
    { name: 'workload-certs', emptyDir: {} },
    { name: 'istio-envoy', emptyDir: { medium: 'Memory' } },
    { name: 'istio-data', emptyDir: {} },
    {
      name: 'istio-podinfo',
      downwardAPI: {
        items: [
          { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
          { path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } },
        ],
      },
    },
    {
      name: 'istio-token',
      projected: {
        sources: [
          { serviceAccountToken: { path: 'istio-token', expirationSeconds: tokenSeconds, audience: tokenAudience } },
        ],
      },
    },
    { name: 'istiod-ca-cert', configMap: { name: names.caRootConfigMap } },
    ...Object.entries(userVolumes).map(([name, source]) => ({ ...Object(source), name })),
  ];
}

export function buildVolumeMounts({ userMounts }: PodSettings): VolumeMount[] {
  return [
    { name: 'workload-socket', mountPath: '/var/run/secrets/workload-spiffe-uds' },
    { name: 'credential-socket', mountPath: '/var/run/secrets/credential-uds' },
    { name: 'workload-certs', mountPath: '/var/run/secrets/workload-spiffe-credentials' },
    { name: 'istiod-ca-cert', mountPath: '/var/run/secrets/istio' },
    { name: 'istio-data', mountPath: '/var/lib/istio/data' },
    { name: 'istio-envoy', mountPath: '/etc/istio/proxy' },
    { name: 'istio-token', mountPath: '/var/run/secrets/tokens' },
    { name: 'istio-podinfo', mountPath: '/etc/istio/pod' },
    ...Object.entries(userMounts).map(([name, mount]) => ({ ...Object(mount), name })),
  ];
}
