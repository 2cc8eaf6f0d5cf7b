import { buildImages, installMesh, installSample, provideImages, sampleNamespace } from '#hack/demo/install.ts';
import { type Cluster, eventually, useCluster } from './cluster.ts';

/** A cluster with the mesh and Bookinfo in it, both ready. Installed once per test run, by the same code as the demo. */
export interface Mesh {
  readonly cluster: Cluster;
  /** Namespace of Bookinfo; its pods have sidecars. */
  readonly namespace: string;
  /** Address of the ingress gateway, reachable from here on ports 80 and 443. */
  readonly gateway: string;
}

const report = (message: string) => process.stderr.write(`    mesh: ${message}\n`);
let installed: Promise<Mesh> | undefined;

export function useMesh(): Promise<Mesh> {
  installed ??= install();
  return installed;
}

async function install(): Promise<Mesh> {
  const cluster = await useCluster();
  await provideImages(cluster.layout, await buildImages(report), report);
  await installMesh(cluster.layout, report);
  await installSample(cluster.layout, report);
  const gateway = await eventually('an address of the ingress gateway', async () => {
    const path = 'jsonpath={.status.loadBalancer.ingress[0].ip}';
    return (
      (await cluster.kubectl(['get', 'service', 'istio-ingressgateway', '-n', 'istio-system', '-o', path])) || undefined
    );
  });
  return { cluster, namespace: sampleNamespace, gateway };
}
