import { join } from 'node:path';
import { agentEnvironment, agentNodeFlags } from '#test/support/bundle.ts';
import type { ProgramPlan } from './bundle.ts';
import type { Layer } from './layer.ts';
import type { Image } from './oci.ts';
import { proxyUser } from './root-file-system.ts';

export interface MeshImagesPlan {
  /** What the images' names start with, such as `localhost/lateen`. */
  readonly hub: string;
  readonly tag: string;
}

/** The hub and tag that the profiles install. */
export const defaultMeshImages: MeshImagesPlan = { hub: 'localhost/lateen', tag: '0.1.0' };

const root = join(import.meta.dirname, '../..');

/** Where the operator finds the profiles, in its image; they come from config/profiles. */
export const profileFolder = 'etc/lateen/profiles';

/**
 * The agent is paid for in every pod. As an ES module it would evaluate every export of node:http, its WebSocket too, and
 * with it all of undici: 7 MB.
 */
export const agentProgram: ProgramPlan = {
  name: 'pilot-agent',
  entry: 'cmd/pilot-agent.ts',
  format: 'single',
  nodeOptions: agentNodeFlags,
  // They trade speed for memory, which is right for what stays and wrong for the init container that a pod waits for.
  tunedCommand: 'proxy',
};

/** How the images start the control plane; the settings of the memory were measured with 500 proxies (docs/decisions). */
export const lateenNodeFlags = [
  // A package of the operator's still asks for Node's own punycode.
  '--disable-warning=DEP0040',
  // Node lets the young generation grow with the machine, and it stays grown: 50 MB.
  '--max-semi-space-size=16',
  // And when little happens it shrinks, so that each single change is followed by a collection, with the threads of it woken.
  '--min-semi-space-size=16',
  // It collects once the proxies that connected are served: 60 MB with 100 of them, 170 with 500.
  '--expose-gc',
  // That would throw away what is compiled, and the next to connect would wait for it: 1 s of processor time.
  '--no-flush-bytecode',
  // V8 would collect all of the heap again after 4 MB of growth, every few seconds as long as anything changes.
  '--heap-growing-percent=60',
  // And once more to make the heap smaller whenever little happens, which is when a single change is made.
  '--no-memory-reducer',
  // Beyond a fixed amount of buffers each new one would mark the heap for 5 to 10 ms, all in one turn of the event loop.
  '--external-memory-accounted-in-global-limit',
  // Four threads would mark the heap beside the main one, which then waits as often as each of them for one of two processors:
  // 200 to 300 ms in one turn of the event loop. With one alone, 500 idle proxies hold 25 MB more.
  '--concurrent-marking-max-worker-num=2',
] as const;

/** Both control plane processes: what only the operator needs stays apart and is never loaded by istiod. */
export const lateenProgram: ProgramPlan = {
  name: 'lateen',
  entry: 'cmd/lateen.ts',
  format: 'modules',
  nodeOptions: lateenNodeFlags,
  files: { 'usr/local/lib/lateen/generated/envoy.binpb': join(root, 'wire/generated/envoy.binpb') },
};

export interface MeshLayers {
  readonly rootfs: Layer;
  readonly node: Layer;
  readonly envoy: Layer;
  readonly agent: Layer;
  readonly lateen: Layer;
}

/** Which image is made of what; hack/images/Containerfile says the same. */
export function planMeshImages({ hub, tag }: MeshImagesPlan, layers: MeshLayers): Image[] {
  const named = (name: string) => `${hub}/${name}:${tag}`;
  const user = `${proxyUser}:${proxyUser}`;
  return [
    {
      names: [named('proxyv2')],
      layers: [layers.rootfs, layers.node, layers.envoy, layers.agent],
      entrypoint: ['/usr/local/bin/pilot-agent'],
      environment: agentEnvironment,
      user,
    },
    {
      names: [named('pilot'), named('operator')],
      layers: [layers.rootfs, layers.node, layers.lateen],
      entrypoint: ['/usr/local/bin/lateen'],
      environment: { LATEEN_PROFILES: `/${profileFolder}` },
      user,
    },
  ];
}
