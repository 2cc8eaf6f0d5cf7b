import { once } from 'node:events';
import { join } from 'node:path';
import { createKubeClient, createKubeconfigConnection, type KubeObject, resources, watchKind } from '#kube/index.ts';
import { startDaemon } from './daemons.ts';
import { type ClusterLayout, kubeconfigPath } from './layout.ts';

interface LoadBalancerService extends KubeObject {
  readonly spec?: { readonly type?: string };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] } };
}

/** Starts the process that gives Services of type LoadBalancer their addresses, as a cloud would. */
export function startLoadBalancer(layout: ClusterLayout): Promise<void> {
  const script = join(import.meta.dirname, 'load-balancer.ts');
  const parameters = [kubeconfigPath(layout), ...layout.loadBalancerAddresses];
  return startDaemon(layout, 'load-balancer', [process.execPath, script, ...parameters]);
}

/** Which address each Service gets: the one it has, else the lowest free one; none when all are taken. */
export function assignAddresses(
  services: readonly LoadBalancerService[],
  addresses: readonly string[],
): { readonly service: LoadBalancerService; readonly address: string }[] {
  const wanting = services.filter(({ spec }) => spec?.type === 'LoadBalancer');
  const taken = new Set(wanting.map(assignedAddress));
  return wanting.flatMap((service) => {
    if (assignedAddress(service) !== undefined) return [];
    const address = addresses.find((candidate) => !taken.has(candidate));
    if (address === undefined) return [];
    taken.add(address);
    return [{ service, address }];
  });
}

function assignedAddress(service: LoadBalancerService): string | undefined {
  return service.status?.loadBalancer?.ingress?.[0]?.ip;
}

async function serve(kubeconfig: string, addresses: readonly string[], signal: AbortSignal): Promise<void> {
  const client = createKubeClient(createKubeconfigConnection({ path: kubeconfig }));
  const services = new Map<string, LoadBalancerService>();
  let wake = Promise.withResolvers<void>();
  const watch = watchKind<LoadBalancerService>({
    client,
    resource: resources.services,
    onBatch: (batch) => {
      if (batch.type === 'replace') services.clear();
      const changes =
        batch.type === 'replace' ? batch.objects.map((object) => ({ type: 'set', object })) : batch.changes;
      for (const { type, object } of changes) {
        if (type === 'set') services.set(object.metadata.uid ?? '', object);
        else services.delete(object.metadata.uid ?? '');
      }
      wake.resolve();
    },
  });
  const running = watch.run(signal);
  const aborted = once(signal, 'abort');
  while (!signal.aborted) {
    await Promise.race([wake.promise, aborted]);
    wake = Promise.withResolvers<void>();
    for (const { service, address } of assignAddresses([...services.values()], addresses)) {
      const { name, namespace } = service.metadata;
      const status = { loadBalancer: { ingress: [{ ip: address, ipMode: 'VIP' }] } };
      try {
        await client.apply(
          resources.services,
          { metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, status },
          { fieldManager: 'lateen-local-load-balancer', force: true, subresource: 'status', signal },
        );
      } catch (error) {
        // Changed or deleted meanwhile, or the API server is away: the next change of a Service brings us back here.
        process.stderr.write(`${namespace}/${name}: ${error instanceof Error ? error.message : String(error)}\n`);
      }
    }
  }
  await running;
}

if (import.meta.main) {
  const [kubeconfig = '', ...addresses] = process.argv.slice(2);
  const controller = new AbortController();
  process.once('SIGTERM', () => controller.abort());
  await serve(kubeconfig, addresses, controller.signal);
}
