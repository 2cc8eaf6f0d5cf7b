import { existsSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clusterImages, loadImages } from '../images/index.ts';
import { commandSucceeds } from '../setup/command.ts';
import { kubeBinary, type Progress } from '../setup/kube.ts';
import { withLock } from '../setup/lock.ts';
import { createCgroups } from './cgroups.ts';
import { startContainerd } from './containerd.ts';
import { writeCredentials } from './control-plane.ts';
import {
  apiServerArguments,
  controllerManagerArguments,
  etcdArguments,
  schedulerArguments,
} from './control-plane-arguments.ts';
import { startDaemon } from './daemons.ts';
import { dnsManifests } from './dns.ts';
import { runKubectl } from './kubectl.ts';
import { type ClusterLayout, kubeconfigPath, stateRoot } from './layout.ts';
import { startLoadBalancer } from './load-balancer.ts';
import { createNamespaces } from './namespaces.ts';
import { connectNetwork } from './network.ts';
import { startKubelet, startProxy, writeNodeConfiguration } from './node.ts';
import { recordLayout } from './record.ts';
import { waitUntil } from './wait.ts';

/**
 * Starts a cluster, or what of it does not run, and waits until its node is ready and its DNS answers.
 * Every step may be repeated; whatever is made can be removed by `stopCluster` from the name alone.
 */
export async function startCluster(name: string, progress: Progress, signal?: AbortSignal): Promise<ClusterLayout> {
  const kube = await kubeBinary(progress, signal);
  const layout = await recordLayout(name);
  await withLock(join(stateRoot, `${name}.lock`), async () => {
    progress('namespaces, network, cgroups');
    await createNamespaces(layout);
    await connectNetwork(layout);
    await createCgroups(layout.cgroup);
    await writeConfiguration(layout, kube);
    progress('containerd and its images');
    await startContainerd(layout);
    const images = loadImages(layout, await clusterImages(progress, signal), progress);
    progress('control plane');
    await startControlPlane(layout, kube);
    await images;
    progress('node');
    await startKubelet(layout, kube);
    await startProxy(layout, kube);
    await startLoadBalancer(layout);
    const manifests = { apiVersion: 'v1', kind: 'List', items: dnsManifests(layout) };
    await runKubectl(layout, ['apply', '--server-side', '--force-conflicts', '-f', '-'], JSON.stringify(manifests));
    await waitUntil('node and DNS', () => isReady(layout));
  });
  return layout;
}

export async function startControlPlane(layout: ClusterLayout, kube: string): Promise<void> {
  const plan = layout.controlPlane;
  await startDaemon(layout, 'etcd', [kube, 'etcd', ...etcdArguments(plan)]);
  await startDaemon(layout, 'kube-apiserver', [kube, 'kube-apiserver', ...apiServerArguments(plan)]);
  const readiness = ['kubectl', '--kubeconfig', kubeconfigPath(layout), 'get', '--raw', '/readyz'];
  await waitUntil('kube-apiserver', () => commandSucceeds(kube, readiness));
  // Only now: they end for good when their roles are not there yet.
  const controllers = controllerManagerArguments(plan);
  await startDaemon(layout, 'kube-controller-manager', [kube, 'kube-controller-manager', ...controllers]);
  await startDaemon(layout, 'kube-scheduler', [kube, 'kube-scheduler', ...schedulerArguments(plan)]);
}

async function writeConfiguration(layout: ClusterLayout, kube: string): Promise<void> {
  const bin = join(layout.directory, 'bin');
  await mkdir(bin, { recursive: true });
  await rm(join(bin, 'kubectl'), { force: true });
  await symlink(kube, join(bin, 'kubectl'));
  // Written last: without it an interrupted run starts over with its credentials.
  const complete = join(layout.directory, 'credentials-complete');
  if (existsSync(complete)) return;
  await writeNodeConfiguration(layout, await writeCredentials(layout.controlPlane));
  await writeFile(complete, '');
}

async function isReady(layout: ClusterLayout): Promise<boolean> {
  const ready = '{.status.conditions[?(@.type=="Ready")].status}';
  const node = await runKubectl(layout, [
    'get',
    'node',
    layout.node.name,
    '-o',
    `jsonpath=${ready}`,
    '--ignore-not-found',
  ]);
  if (node !== 'True') return false;
  const dns = ['get', 'deployment', 'coredns', '-n', 'kube-system', '-o', 'jsonpath={.status.availableReplicas}'];
  return (await runKubectl(layout, dns)) === '1';
}
