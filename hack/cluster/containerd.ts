import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../setup/command.ts';
import { findProgram } from '../setup/debian.ts';
import { startDaemon } from './daemons.ts';
import { type ClusterLayout, containerdSocket } from './layout.ts';
import { enterNamespaces } from './namespaces.ts';
import { waitUntil } from './wait.ts';

/** The image of the container that holds a pod's namespaces; loaded like every other image. */
export const pauseImage = 'localhost/lateen/pause:1';

const pluginFolders = ['/usr/lib/cni', '/opt/cni/bin'];

/** Starts the cluster's own containerd and waits until it answers. */
export async function startContainerd(layout: ClusterLayout): Promise<void> {
  const configuration = join(layout.directory, 'containerd');
  const networks = join(configuration, 'net.d');
  await mkdir(networks, { recursive: true });
  await writeFile(join(networks, '10-pods.conflist'), JSON.stringify(networkConfiguration(layout), null, 2));
  const file = join(configuration, 'config.toml');
  const pluginFolder = pluginFolders.find((folder) => existsSync(join(folder, 'ptp'))) ?? '/usr/lib/cni';
  await writeFile(file, renderConfiguration(pluginFolder, networks));
  await startDaemon(layout, 'containerd', [(await findProgram('containerd')) ?? 'containerd', '--config', file]);
  await waitUntil('containerd', async () => existsSync(containerdSocket(layout)));
}

/** Runs containerd's client against the cluster, in the namespace of Kubernetes' images; gives its output. */
export async function runCtr(layout: ClusterLayout, parameters: readonly string[]): Promise<string> {
  const command = ['ctr', '--address', '/run/containerd/containerd.sock', '--namespace', 'k8s.io', ...parameters];
  const [program = '', ...rest] = enterNamespaces(layout, command);
  return runCommand(program, rest);
}

function renderConfiguration(pluginFolder: string, networks: string): string {
  // The paths are private to the cluster's mount namespace.
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # A machine may forbid a negative oom_score_adj even to root.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${pluginFolder}"
    conf_dir = "${networks}"
`;
}

/** Every pod has a link of its own to the node, so that all traffic between pods is routed there and meets kube-proxy's rules. */
function networkConfiguration(layout: ClusterLayout): object {
  return {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      {
        type: 'ptp',
        mtu: 1500,
        ipam: {
          type: 'host-local',
          dataDir: '/run/cni',
          ranges: layout.podCidrs.map((subnet) => [{ subnet }]),
          routes: layout.podCidrs.map((subnet) => ({ dst: subnet.includes(':') ? '::/0' : '0.0.0.0/0' })),
        },
      },
    ],
  };
}
