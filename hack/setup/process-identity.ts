import { readFile } from 'node:fs/promises';

/**
 * When a process started, in clock ticks since boot, or undefined when there is none.
 * With the process id it names one process for good: ids are used again, the pair is not.
 * Field 22 of /proc/PID/stat (proc(5)); the name in field 2 may hold spaces and parentheses.
 */
export async function processStartTime(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0];
    return state === 'Z' ? undefined : fields[19];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
