/** What an Envoy says that it holds. */
import type { WaitingProxy } from './proxy.ts';

const dump = (proxy: WaitingProxy, resource: string) => proxy.admin(`/config_dump?resource=${resource}`);

/** Whether anything leads to the cluster. */
export const routesTo = async (proxy: WaitingProxy, cluster: string): Promise<boolean> =>
  (await proxy.admin('/config_dump')).includes(`"cluster": "${cluster}"`);

export const hasCluster = async (proxy: WaitingProxy, cluster: string): Promise<boolean> =>
  (await dump(proxy, 'dynamic_active_clusters')).includes(`"${cluster}"`);

export const isWarming = async (proxy: WaitingProxy, cluster: string): Promise<boolean> =>
  (await dump(proxy, 'dynamic_warming_clusters')).includes(`"${cluster}"`);

export const hasEndpoint = async (proxy: WaitingProxy, cluster: string, address: string): Promise<boolean> =>
  (await proxy.admin('/clusters')).includes(`${cluster}::${address}:`);

interface ListenerDump {
  readonly configs?: readonly { readonly name: string; readonly active_state?: unknown }[];
}

/** Whether a listener is in force of which this holds: not one that warms, nor one that drains. */
export async function hasListener(
  proxy: WaitingProxy,
  isMeant: (name: string, content: string) => boolean,
): Promise<boolean> {
  const { configs = [] } = JSON.parse(await dump(proxy, 'dynamic_listeners')) as ListenerDump;
  return configs.some(
    ({ name, active_state: active }) => active !== undefined && isMeant(name, JSON.stringify(active)),
  );
}
