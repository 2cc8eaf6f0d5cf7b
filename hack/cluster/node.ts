import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { issueCertificate, type KeyPair } from './certificates.ts';
import { controlPlaneFiles, writeKubeconfig } from './control-plane.ts';
import { flags } from './control-plane-arguments.ts';
import { startDaemon } from './daemons.ts';
import type { ClusterLayout } from './layout.ts';

const loopback = '127.0.0.1';

/** Files of the node's own programs. */
function nodeFiles(layout: ClusterLayout) {
  const directory = join(layout.directory, 'node');
  const file = (name: string) => join(directory, name);
  return {
    directory,
    kubelet: file('kubelet.json'),
    proxy: file('proxy.json'),
    certificate: file('kubelet.crt'),
    key: file('kubelet.key'),
    resolver: file('resolv.conf'),
  };
}

/** Writes the kubelet's and kube-proxy's configuration and the kubelet's credentials. */
export async function writeNodeConfiguration(layout: ClusterLayout, authority: KeyPair): Promise<void> {
  const files = nodeFiles(layout);
  await mkdir(files.directory, { recursive: true });
  const identity = { commonName: `system:node:${layout.node.name}`, organizations: ['system:nodes'] };
  await writeKubeconfig(layout.controlPlane, authority, 'kubelet', identity, loopback);
  const serving = await issueCertificate(authority, {
    ...identity,
    dnsNames: [layout.node.name],
    addresses: layout.node.addresses,
  });
  await writeFile(files.certificate, serving.certificate, { mode: 0o600 });
  await writeFile(files.key, serving.key, { mode: 0o600 });
  // There is no name server outside that pods could ask.
  await writeFile(files.resolver, '');
  await writeFile(files.kubelet, JSON.stringify(kubeletConfiguration(layout), null, 2));
  await writeFile(files.proxy, JSON.stringify(proxyConfiguration(layout), null, 2));
}

export function startKubelet(layout: ClusterLayout, kube: string): Promise<void> {
  return startDaemon(layout, 'kubelet', [
    kube,
    'kubelet',
    ...flags({
      config: nodeFiles(layout).kubelet,
      kubeconfig: controlPlaneFiles(layout.controlPlane.directory).kubeconfig('kubelet'),
      'hostname-override': layout.node.name,
      'node-ip': layout.node.addresses.join(','),
      'node-labels': 'topology.kubernetes.io/region=local,topology.kubernetes.io/zone=local-a',
      v: '1',
    }),
  ]);
}

export function startProxy(layout: ClusterLayout, kube: string): Promise<void> {
  return startDaemon(layout, 'kube-proxy', [kube, 'kube-proxy', ...flags({ config: nodeFiles(layout).proxy, v: '1' })]);
}

function kubeletConfiguration(layout: ClusterLayout): object {
  const files = nodeFiles(layout);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: controlPlaneFiles(layout.controlPlane.directory).authority },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: files.certificate,
    tlsPrivateKeyFile: files.key,
    clusterDomain: 'cluster.local',
    clusterDNS: [layout.dnsAddress],
    resolvConf: files.resolver,
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    cgroupDriver: 'cgroupfs',
    cgroupRoot: layout.cgroup,
    failCgroupV1: false,
    failSwapOn: false,
    serializeImagePulls: false,
    // A development machine's disk may well be nearly full; nothing can be pulled again here, so nothing is thrown away.
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
  };
}

function proxyConfiguration(layout: ClusterLayout): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: controlPlaneFiles(layout.controlPlane.directory).kubeconfig('proxy') },
    hostnameOverride: layout.node.name,
    mode: 'iptables',
    clusterCIDR: layout.podCidrs.join(','),
    metricsBindAddress: '127.0.0.1:10249',
    // Connection tracking limits belong to the whole machine.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    iptables: { minSyncPeriod: '0s' },
  };
}
