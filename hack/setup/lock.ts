import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { LateenError } from '#runtime/core/index.ts';

/**
 * Runs `work` while holding the kernel's lock on a file, so that two processes don't do the same work at once.
 * A child (flock(1)) holds it and ends with its standard input, so however this process ends the lock is free again.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const holder = spawn('flock', [path, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(signal ? { signal } : {}),
  });
  const ended = once(holder, 'exit');
  const held = once(holder.stdout, 'data');
  await Promise.race([
    held,
    ended.then(([code]) => {
      throw new LateenError('internal', `flock ${path}: exit code ${code}`);
    }),
  ]);
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
