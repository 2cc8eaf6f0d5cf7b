/** Which TCP ports a process listens on, as the kernel knows it. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** The state of a socket that listens, in hexadecimal; see tcp_states.h of Linux. */
const LISTENING = '0A';

/** Ascending. Throws when there is no such process or it is somebody else's. */
export async function readListeningPorts(pid: number): Promise<readonly number[]> {
  const open = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
  const tables = await Promise.all(['tcp', 'tcp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, 'utf8')));
  const ports = tables
    .flatMap((table) => table.split('\n').slice(1))
    .flatMap((line) => {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state !== LISTENING || !targets.includes(`socket:[${inode}]`)) return [];
      return [Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)];
    });
  return [...new Set(ports)].sort((a, b) => a - b);
}
