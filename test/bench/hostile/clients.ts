/** Clients that misbehave, in a process of their own at the lowest priority: what is measured is the server's time, not theirs. */
import { once } from 'node:events';
import { join } from 'node:path';
import { endChild, spawnTied } from '#test/support/child.ts';
import { eventually } from '#test/support/eventually.ts';
import type { SecureClient } from './mischief.ts';

export interface Clients {
  /** Acts so far. */
  count(): Promise<number>;
  stop(): Promise<void>;
}

/** Resolves once the first act is done. `mischief`: its name. */
export async function startClients(
  mischief: string,
  { port, secure, signal }: { readonly port: number; readonly secure?: SecureClient; readonly signal: AbortSignal },
): Promise<Clients> {
  const program = join(import.meta.dirname, 'client.ts');
  const child = spawnTied('nice', ['-n', '19', process.execPath, program, mischief, String(port)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.send(secure ?? false);
  const gone = new AbortController();
  child.once('exit', () => gone.abort(new Error('the clients that misbehave have ended')));
  const clients: Clients = {
    async count() {
      gone.signal.throwIfAborted();
      child.send('count');
      const [acts] = (await once(child, 'message', { signal: AbortSignal.any([signal, gone.signal]) })) as [number];
      return acts;
    },
    stop: () => endChild(child, 'SIGKILL'),
  };
  try {
    await eventually(clients.count, (acts) => {
      if (acts === 0) throw new Error(`nothing was done yet: ${mischief}`);
    });
  } catch (error) {
    await clients.stop();
    throw error;
  }
  return clients;
}
