import { LateenError } from '#runtime/core/index.ts';
import type { CaFiles } from '../bundle.ts';
import type { RootStore } from '../rootstore.ts';

/** A store in memory with the API server's rule for create; `stored` and `fault` are the test's to change. */
export class MemoryStore implements RootStore {
  plugged: CaFiles | undefined;
  stored: CaFiles | undefined;
  fault: string | undefined;
  created = 0;

  async readPlugged(): Promise<CaFiles | undefined> {
    this.#check();
    return this.plugged;
  }

  async read(): Promise<CaFiles | undefined> {
    await Promise.resolve();
    this.#check();
    return this.stored;
  }

  async create(files: CaFiles): Promise<'created' | 'exists'> {
    await Promise.resolve();
    this.#check();
    if (this.stored) return 'exists';
    this.stored = files;
    this.created++;
    return 'created';
  }

  #check(): void {
    if (this.fault !== undefined) throw new LateenError('unavailable', this.fault);
  }
}
