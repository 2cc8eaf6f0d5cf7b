import { LateenError } from '#runtime/core/index.ts';
import { type ClusterLayout, runKubectl, startCluster } from '../cluster/index.ts';
import { ensure, runSteps, type Step } from '../setup/index.ts';
import { installMesh, installSample, provideImages } from './install.ts';
import { type Peer, readPeers } from './report.ts';
import { countVersions, type Share, sendTraffic } from './traffic.ts';

/** Name of the cluster that the demonstration runs in. */
export const demoCluster = 'demo';

const requests = 200;

export interface DemoResult {
  readonly layout: ClusterLayout;
  /** Of the product page, through the ingress gateway. */
  readonly url: string;
  readonly shares: readonly Share[];
  readonly peers: readonly Peer[];
}

/** From whatever is there to a mesh with traffic in it. */
export async function runDemo(signal: AbortSignal): Promise<DemoResult> {
  await ensure(['descriptors', 'cluster'], signal);
  let started: ClusterLayout | undefined;
  const cluster = () => {
    if (!started) throw new LateenError('internal', 'the cluster is started by the first step');
    return started;
  };
  let url = '';
  let shares: readonly Share[] = [];
  let peers: readonly Peer[] = [];
  const steps: readonly Step[] = [
    {
      title: 'local Kubernetes cluster',
      run: async (progress) => {
        started = await startCluster(demoCluster, progress, signal);
      },
    },
    { title: 'images', run: (progress) => provideImages(cluster(), progress, signal) },
    { title: 'mesh: config/samples/mesh.yaml until READY', run: (progress) => installMesh(cluster(), progress) },
    { title: 'Bookinfo with sidecars', run: (progress) => installSample(cluster(), progress) },
    {
      title: `${requests} requests through the ingress gateway`,
      run: async () => {
        url = `http://${await ingressAddress(cluster())}/productpage`;
        shares = countVersions(await sendTraffic(url, requests));
      },
    },
    {
      title: 'who spoke to whom',
      run: async () => {
        peers = await readPeers(cluster());
      },
    },
  ];
  await runSteps(steps, { signal });
  return { layout: cluster(), url, shares, peers };
}

async function ingressAddress(layout: ClusterLayout): Promise<string> {
  const jsonPath = 'jsonpath={.status.loadBalancer.ingress[0].ip}';
  const service = ['get', 'service', 'istio-ingressgateway', '-n', 'istio-system', '-o', jsonPath];
  const address = await runKubectl(layout, service);
  if (address === '') throw new LateenError('unavailable', 'the ingress gateway has no address');
  return address;
}
