import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { agentEnvironment, agentNodeFlags } from '#test/support/bundle.ts';
import { contentHash } from '../setup/cache.ts';
import { envoyBinary, envoyVersion } from '../setup/envoy.ts';
import type { Progress } from '../setup/kube.ts';
import { type ProgramPlan, programLayer } from './bundle.ts';
import { filesLayer, type Layer } from './layer.ts';
import type { Image } from './oci.ts';
import { proxyUser, rootFileSystem } from './root-file-system.ts';

export interface MeshImagesPlan {
  /** What the images' names start with, such as `localhost/lateen`. */
  readonly hub: string;
  readonly tag: string;
}

const profileFolder = 'etc/lateen/profiles';
const root = join(import.meta.dirname, '../..');

/**
 * The agent is paid for in every pod. As an ES module it would evaluate every export of node:http, its WebSocket too, and
 * with it all of undici: 7 MB.
 */
export const agentProgram: ProgramPlan = {
  name: 'pilot-agent',
  entry: 'cmd/pilot-agent.ts',
  format: 'single',
  nodeOptions: agentNodeFlags,
};

/** The hub and tag that the profiles install. */
export const defaultMeshImages: MeshImagesPlan = { hub: 'localhost/lateen', tag: '0.1.0' };

/** The mesh's own images: `proxyv2` beside every workload, and one for both control plane processes. */
export async function meshImages(plan: MeshImagesPlan, progress: Progress, signal?: AbortSignal): Promise<Image[]> {
  const named = (name: string) => `${plan.hub}/${name}:${plan.tag}`;
  const [base, node, envoy] = [
    await rootFileSystem(progress, signal),
    await nodeLayer(signal),
    await envoyLayer(progress, signal),
  ];
  progress('bundling');
  const agent = await programLayer(agentProgram, signal);
  const profiles = await folderFiles(join(root, 'config/profiles'), profileFolder);
  const lateen = await programLayer(
    {
      name: 'lateen',
      entry: 'cmd/lateen.ts',
      format: 'modules',
      // A package of the operator's still asks for Node's own punycode.
      nodeOptions: ['--disable-warning=DEP0040'],
      files: { 'usr/local/lib/lateen/generated/envoy.binpb': join(root, 'wire/generated/envoy.binpb'), ...profiles },
    },
    signal,
  );
  return [
    {
      names: [named('proxyv2')],
      layers: [base, node, envoy, agent],
      entrypoint: ['/usr/local/bin/pilot-agent'],
      environment: agentEnvironment,
      user: `${proxyUser}:${proxyUser}`,
    },
    {
      names: [named('pilot'), named('operator')],
      layers: [base, node, lateen],
      entrypoint: ['/usr/local/bin/lateen'],
      environment: { LATEEN_PROFILES: `/${profileFolder}` },
      user: `${proxyUser}:${proxyUser}`,
    },
  ];
}

/** The Node.js that runs this very process; its version names its content. */
export function nodeLayer(signal?: AbortSignal): Promise<Layer> {
  const key = contentHash('node', process.version, process.arch);
  return filesLayer(key, [{ type: 'copy', path: 'usr/local/bin/node', source: process.execPath }], signal);
}

async function envoyLayer(progress: Progress, signal?: AbortSignal): Promise<Layer> {
  const source = await envoyBinary(progress, signal);
  const key = contentHash('envoy', envoyVersion, process.arch);
  return filesLayer(key, [{ type: 'copy', path: 'usr/local/bin/envoy', source }], signal);
}

async function folderFiles(folder: string, target: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of (await readdir(folder)).sort()) files[`${target}/${name}`] = join(folder, name);
  return files;
}
