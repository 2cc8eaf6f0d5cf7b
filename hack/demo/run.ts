import { LateenError } from '#runtime/core/index.ts';
import { type ClusterLayout, runKubectl, startCluster } from '../cluster/index.ts';
import type { Image } from '../images/index.ts';
import { ensure, runSteps, type Step } from '../setup/index.ts';
import { buildImages, installMesh, installSample, provideImages } from './install.ts';
import { type Peer, readPeers } from './report.ts';
import { countVersions, type Share, sendTraffic } from './traffic.ts';

/** Name of the cluster that the demonstration runs in unless it is told another. */
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
export async function runDemo(name: string, signal: AbortSignal): Promise<DemoResult> {
  await ensure(['descriptors', 'cluster'], signal);
  const { layout, images } = await prepare(name, signal);
  let url = '';
  let shares: readonly Share[] = [];
  let peers: readonly Peer[] = [];
  const steps: readonly Step[] = [
    { title: 'images into the cluster', run: (progress) => provideImages(layout, images, progress) },
    { title: 'mesh: config/samples/mesh.yaml until READY', run: (progress) => installMesh(layout, progress) },
    { title: 'Bookinfo with sidecars', run: (progress) => installSample(layout, progress) },
    {
      title: `${requests} requests through the ingress gateway`,
      run: async () => {
        url = `http://${await ingressAddress(layout)}/productpage`;
        shares = countVersions(await sendTraffic(url, requests));
      },
    },
    {
      title: 'who spoke to whom',
      run: async () => {
        peers = await readPeers(layout);
      },
    },
  ];
  await runSteps(steps, { signal });
  return { layout, url, shares, peers };
}

/** The cluster and the images need nothing of each other. */
async function prepare(name: string, signal: AbortSignal): Promise<{ layout: ClusterLayout; images: Image[] }> {
  let layout: ClusterLayout | undefined;
  let images: Image[] = [];
  const steps: readonly Step[] = [
    {
      title: 'local Kubernetes cluster',
      run: async (progress) => {
        layout = await startCluster(name, progress, signal);
      },
    },
    {
      title: 'images of the mesh and of Bookinfo',
      run: async (progress) => {
        images = await buildImages(progress, signal);
      },
    },
  ];
  await runSteps(steps, { signal, concurrent: true });
  if (!layout) throw new LateenError('internal', 'the cluster is started by then');
  return { layout, images };
}

async function ingressAddress(layout: ClusterLayout): Promise<string> {
  const jsonPath = 'jsonpath={.status.loadBalancer.ingress[0].ip}';
  const service = ['get', 'service', 'istio-ingressgateway', '-n', 'istio-system', '-o', jsonPath];
  const address = await runKubectl(layout, service);
  if (address === '') throw new LateenError('unavailable', 'the ingress gateway has no address');
  return address;
}
