import { join } from 'node:path';
import type { ControlPlanePlan } from './control-plane.ts';

/** All state of local clusters; each has a folder of its own below. */
export const stateRoot = '/var/opt/lateen';

/** Where one local cluster lives: files, addresses, names. A pure function of its name and its number on this machine. */
export interface ClusterLayout {
  readonly name: string;
  /** 0 to 49, different for every cluster on the machine. */
  readonly index: number;
  readonly directory: string;
  /** Network namespace, as `ip netns` names it. */
  readonly networkNamespace: string;
  /** File that keeps the mount namespace alive. */
  readonly mountNamespace: string;
  /** The pair of interfaces between the host and the cluster. */
  readonly link: { readonly hostInterface: string; readonly hostAddress: string; readonly clusterAddress: string };
  /** What Services of type LoadBalancer get, one each; the host reaches them over the link. */
  readonly loadBalancerAddresses: readonly string[];
  readonly node: { readonly name: string; readonly addresses: readonly string[] };
  readonly podCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
  readonly dnsAddress: string;
  /** Path below every cgroup hierarchy, with a leading slash. */
  readonly cgroup: string;
  readonly controlPlane: ControlPlanePlan;
  /** Paths inside the cluster's mount namespace that are really folders of its own: inside to outside. */
  readonly privateFolders: Readonly<Record<string, string>>;
}

export const maximumClusters = 50;

/** Lays out cluster number `index`; `dualStack` when the kernel speaks IPv6. */
export function resolveLayout(name: string, index: number, dualStack: boolean): ClusterLayout {
  const directory = join(stateRoot, name);
  const second = 100 + index;
  const v6 = `fd7a:6c61:${index.toString(16)}`;
  const linkPrefix = `169.254.${200 + index}`;
  const both = (v4: string, other: string) => (dualStack ? [v4, other] : [v4]);
  const nodeAddresses = both(`10.${second}.192.1`, `${v6}:3::1`);
  const podCidrs = both(`10.${second}.0.0/17`, `${v6}:1::/64`);
  const serviceCidrs = both(`10.${second}.128.0/18`, `${v6}:2::/112`);
  const clusterAddress = `${linkPrefix}.2`;
  return {
    name,
    index,
    directory,
    networkNamespace: `lateen-${name}`,
    mountNamespace: join(directory, 'namespaces', 'mount'),
    link: { hostInterface: `lateen${index}`, hostAddress: `${linkPrefix}.1`, clusterAddress },
    loadBalancerAddresses: Array.from({ length: 30 }, (_, offset) => `${linkPrefix}.${10 + offset}`),
    node: { name: `lateen-${name}`, addresses: nodeAddresses },
    podCidrs,
    serviceCidrs,
    dnsAddress: `10.${second}.128.10`,
    cgroup: `/lateen-${name}`,
    privateFolders: {
      '/run': join(directory, 'run'),
      '/var/lib': join(directory, 'lib'),
      '/var/log': join(directory, 'log'),
    },
    controlPlane: {
      name: `lateen-${name}`,
      directory: join(directory, 'control-plane'),
      advertiseAddress: nodeAddresses[0] ?? clusterAddress,
      bindAddress: '0.0.0.0',
      clientAddresses: [clusterAddress],
      serviceCidrs,
      kubernetesServiceAddress: `10.${second}.128.1`,
      podCidrs,
      // The namespace has every port to itself: Kubernetes' usual ones.
      ports: { etcdClient: 2379, etcdPeer: 2380, apiServer: 6443, controllerManager: 10257, scheduler: 10259 },
    },
  };
}

/** The numbers of clusters whose link would clash with an address that the host has. */
export function linkIndexes(addresses: readonly string[]): Set<number> {
  return new Set(
    addresses.flatMap((address) => {
      const third = /^169\.254\.(\d+)\.\d+$/.exec(address)?.[1];
      return third === undefined ? [] : [Number(third) - 200];
    }),
  );
}

/** Kubeconfig of the cluster's administrator. */
export function kubeconfigPath(layout: ClusterLayout): string {
  return join(layout.controlPlane.directory, 'admin.kubeconfig');
}

/** Socket of the cluster's containerd, as seen from the host. */
export function containerdSocket(layout: ClusterLayout): string {
  return join(layout.directory, 'run/containerd/containerd.sock');
}
