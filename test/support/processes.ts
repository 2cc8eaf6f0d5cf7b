import { readdir, readFile } from 'node:fs/promises';

/** A process on this machine that runs inside a pod of a local cluster. */
export interface PodProcess {
  readonly pid: number;
  readonly commandLine: string;
}

/**
 * The processes of one pod, found by the POD_NAME in their environment (istiod and the operator carry it) and their
 * command line.
 */
export async function findPodProcesses(podName: string, commandLine: RegExp): Promise<readonly PodProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map((pid) => readProcess(pid, podName)));
  return found.flatMap((process) => (process !== undefined && commandLine.test(process.commandLine) ? [process] : []));
}

async function readProcess(pid: number, podName: string): Promise<PodProcess | undefined> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
    if (!environment.split('\0').includes(`POD_NAME=${podName}`)) return undefined;
    const commandLine = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
    return { pid, commandLine };
  } catch (error) {
    // It ended while we looked, or is a kernel's or a keeper's that nobody may look into.
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EACCES'].includes(String(error.code)))
      return undefined;
    throw error;
  }
}
