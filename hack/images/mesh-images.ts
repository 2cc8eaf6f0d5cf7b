import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { contentHash } from '../setup/cache.ts';
import { envoyBinary, envoyVersion } from '../setup/envoy.ts';
import type { Progress } from '../setup/kube.ts';
import { programLayer } from './bundle.ts';
import { filesLayer, type Layer } from './layer.ts';
import {
  agentProgram,
  lateenProgram,
  type MeshImagesPlan,
  type MeshLayers,
  planMeshImages,
  profileFolder,
} from './mesh-plan.ts';
import type { Image } from './oci.ts';
import { rootFileSystem } from './root-file-system.ts';

const profiles = join(import.meta.dirname, '../../config/profiles');

/** The mesh's own images: `proxyv2` beside every workload, and one for both control plane processes. */
export async function meshImages(plan: MeshImagesPlan, progress: Progress, signal?: AbortSignal): Promise<Image[]> {
  return planMeshImages(plan, await meshLayers(progress, signal));
}

/** Everything that the mesh's images are made of. */
export async function meshLayers(progress: Progress, signal?: AbortSignal): Promise<MeshLayers> {
  const rootfs = await rootFileSystem(progress, signal);
  const node = await nodeLayer(signal);
  const envoy = await envoyLayer(progress, signal);
  progress('bundling');
  const agent = await programLayer(agentProgram, signal);
  const files = { ...lateenProgram.files, ...(await folderFiles(profiles, profileFolder)) };
  const lateen = await programLayer({ ...lateenProgram, files }, signal);
  return { rootfs, node, envoy, agent, lateen };
}

/** The Node.js that runs this very process; its version names its content. */
export function nodeLayer(signal?: AbortSignal): Promise<Layer> {
  const key = contentHash('node', process.version, process.arch);
  return filesLayer('node', key, [{ type: 'copy', path: 'usr/local/bin/node', source: process.execPath }], signal);
}

async function envoyLayer(progress: Progress, signal?: AbortSignal): Promise<Layer> {
  const source = await envoyBinary(progress, signal);
  const key = contentHash('envoy', envoyVersion, process.arch);
  return filesLayer('envoy', key, [{ type: 'copy', path: 'usr/local/bin/envoy', source }], signal);
}

async function folderFiles(folder: string, target: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of (await readdir(folder)).sort()) files[`${target}/${name}`] = join(folder, name);
  return files;
}
