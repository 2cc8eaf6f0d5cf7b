import { commandSucceeds, runCommand } from '../setup/command.ts';
import type { ClusterLayout } from './layout.ts';
import { enterNamespaces } from './namespaces.ts';

const clusterInterface = 'link0';

/** Settings of the cluster's network namespace: it routes between pods, and never asks whether an address is taken. */
const settings: Readonly<Record<string, string>> = {
  'net/ipv4/ip_forward': '1',
  'net/ipv4/ip_nonlocal_bind': '1',
  'net/ipv6/conf/all/forwarding': '1',
  'net/ipv6/conf/default/forwarding': '1',
  'net/ipv6/conf/default/accept_dad': '0',
};

/** Joins the cluster's network namespace with the host by one link; there is no way from it to anywhere else. */
export async function connectNetwork(layout: ClusterLayout): Promise<void> {
  const { hostInterface, hostAddress, clusterAddress } = layout.link;
  if (await commandSucceeds('ip', ['link', 'show', 'dev', hostInterface])) return;
  const dualStack = layout.node.addresses.length > 1;
  const setters = Object.entries(settings)
    .filter(([path]) => dualStack || path.startsWith('net/ipv4'))
    .map(([path, value]) => `echo ${value} > /proc/sys/${path}`);
  await runInside(layout, ['sh', '-ec', setters.join('\n')]);
  const inside = [
    'link set lo up',
    ...[...layout.node.addresses, ...layout.loadBalancerAddresses].map(
      (address) => `address replace ${address} dev lo`,
    ),
    'route replace blackhole default',
    ...(dualStack ? ['-6 route replace blackhole default'] : []),
    // The node's own programs (the API server calls webhooks) need some route to a Service before kube-proxy's rules
    // send them to a pod.
    ...layout.serviceCidrs.map((cidr, family) => {
      const flag = cidr.includes(':') ? '-6 ' : '';
      return `${flag}route replace ${cidr} dev lo src ${layout.node.addresses[family]}`;
    }),
  ];
  await runBatch(['-n', layout.networkNamespace], inside);
  // Last, because its presence says that all of it is done.
  const temporary = `${hostInterface}t`;
  if (await commandSucceeds('ip', ['link', 'show', 'dev', temporary]))
    await runCommand('ip', ['link', 'delete', temporary]);
  await runBatch(
    [],
    [`link add ${temporary} type veth peer name ${clusterInterface} netns ${layout.networkNamespace}`],
  );
  await runBatch(
    ['-n', layout.networkNamespace],
    [`address replace ${clusterAddress}/24 dev ${clusterInterface}`, `link set ${clusterInterface} up`],
  );
  await runBatch(
    [],
    [
      `address replace ${hostAddress}/24 dev ${temporary}`,
      `link set ${temporary} name ${hostInterface}`,
      `link set ${hostInterface} up`,
    ],
  );
}

/** Removes the host's end of the link (and with it the other one). */
export async function disconnectNetwork(layout: ClusterLayout): Promise<void> {
  for (const name of [layout.link.hostInterface, `${layout.link.hostInterface}t`]) {
    if (!(await exists(name)) || (await commandSucceeds('ip', ['link', 'delete', name]))) continue;
    // The kernel takes it away with the network namespace of its other end, in its own time.
    if (await exists(name)) await runCommand('ip', ['link', 'delete', name]);
  }
}

async function runInside(layout: ClusterLayout, command: readonly string[]): Promise<void> {
  const [program = '', ...parameters] = enterNamespaces(layout, command);
  await runCommand(program, parameters);
}

async function runBatch(options: readonly string[], lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    const words = line.split(' ');
    const family = words[0] === '-6' ? ['-6'] : [];
    await runCommand('ip', [...family, ...options, ...words.slice(family.length)]);
  }
}

function exists(link: string): Promise<boolean> {
  return commandSucceeds('ip', ['link', 'show', 'dev', link]);
}
