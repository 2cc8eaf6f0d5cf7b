import { type ControlPlanePlan, controlPlaneFiles, serviceAccountIssuer } from './control-plane.ts';

const loopback = '127.0.0.1';

/** etcd's flags. Nothing in a throw-away cluster needs to outlive a power cut, so it does not sync. */
export function etcdArguments(plan: ControlPlanePlan): string[] {
  const client = `http://${loopback}:${plan.ports.etcdClient}`;
  const peer = `http://${loopback}:${plan.ports.etcdPeer}`;
  return flags({
    'data-dir': controlPlaneFiles(plan.directory).etcdData,
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
    'unsafe-no-fsync': 'true',
    'log-level': 'warn',
  });
}

export function apiServerArguments(plan: ControlPlanePlan): string[] {
  const files = controlPlaneFiles(plan.directory);
  return flags({
    'etcd-servers': `http://${loopback}:${plan.ports.etcdClient}`,
    'bind-address': plan.bindAddress,
    'advertise-address': plan.advertiseAddress,
    'secure-port': String(plan.ports.apiServer),
    'tls-cert-file': files.serving.certificate,
    'tls-private-key-file': files.serving.key,
    'client-ca-file': files.authority,
    'kubelet-certificate-authority': files.authority,
    'kubelet-client-certificate': files.kubeletClient.certificate,
    'kubelet-client-key': files.kubeletClient.key,
    'kubelet-preferred-address-types': 'InternalIP',
    'service-cluster-ip-range': plan.serviceCidrs.join(','),
    'service-account-issuer': serviceAccountIssuer,
    'service-account-key-file': files.serviceAccountKey,
    'service-account-signing-key-file': files.serviceAccountKey,
    'api-audiences': serviceAccountIssuer,
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'allow-privileged': 'true',
    'shutdown-delay-duration': '0s',
    v: '1',
  });
}

export function controllerManagerArguments(plan: ControlPlanePlan): string[] {
  const files = controlPlaneFiles(plan.directory);
  const kubeconfig = files.kubeconfig('controller-manager');
  return flags({
    kubeconfig,
    'authentication-kubeconfig': kubeconfig,
    'authorization-kubeconfig': kubeconfig,
    'bind-address': loopback,
    'secure-port': String(plan.ports.controllerManager),
    'allocate-node-cidrs': 'true',
    'cluster-cidr': plan.podCidrs.join(','),
    'service-cluster-ip-range': plan.serviceCidrs.join(','),
    // The whole pod range belongs to the one node.
    ...nodeMaskSizes(plan.podCidrs),
    'cluster-signing-cert-file': files.authority,
    'cluster-signing-key-file': files.authorityKey,
    'root-ca-file': files.authority,
    'service-account-private-key-file': files.serviceAccountKey,
    'use-service-account-credentials': 'true',
    'leader-elect': 'false',
    v: '1',
  });
}

function nodeMaskSizes(podCidrs: readonly string[]): Record<string, string> {
  const sizes: Record<string, string> = {};
  for (const cidr of podCidrs) {
    const [address = '', size = ''] = cidr.split('/');
    sizes[address.includes(':') ? 'node-cidr-mask-size-ipv6' : 'node-cidr-mask-size-ipv4'] = size;
  }
  return podCidrs.length === 1 && podCidrs[0]?.includes('.')
    ? { 'node-cidr-mask-size': Object.values(sizes)[0] ?? '' }
    : sizes;
}

export function schedulerArguments(plan: ControlPlanePlan): string[] {
  const kubeconfig = controlPlaneFiles(plan.directory).kubeconfig('scheduler');
  return flags({
    kubeconfig,
    'authentication-kubeconfig': kubeconfig,
    'authorization-kubeconfig': kubeconfig,
    'bind-address': loopback,
    'secure-port': String(plan.ports.scheduler),
    'leader-elect': 'false',
    v: '1',
  });
}

/** `{a: 'b'}` as `--a=b`. */
export function flags(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}
