/** How long something was waited for, and what status said of it meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LateenError } from '#runtime/core/index.ts';
import type { WaitingMesh } from './mesh.ts';
import type { Described } from './objects.ts';

/** One kind of waiting. */
export interface Wait {
  readonly figure: string;
  /** Milliseconds; as docs/decisions/0017 states. Undefined: it states none. */
  readonly bound?: number;
  /** One that takes the same way and waits for nothing: what this one takes longer is its wait. */
  readonly beyond?: Wait;
  /** So many in place of each round. */
  readonly times?: number;
  /** Makes it happen once, with names that no earlier serial gave, and takes back what would wait on. */
  provoke(mesh: WaitingMesh, serial: number): Promise<Waited>;
}

export interface Waited {
  readonly ms: number;
  /** The last that status said before the wait was over; empty: nothing was asked. */
  readonly said: string;
}

/** Longest wait for the end of a wait, in milliseconds. */
const patience = 120_000;
const lookEvery = 10;
const askEvery = 50;

export interface Observation {
  /** Begins the wait; the time before it counts, as the watch may be faster than the answer. */
  readonly begin: () => Promise<unknown>;
  readonly isOver: () => Promise<boolean> | boolean;
  /** Whose condition is followed. */
  readonly status?: { readonly of: Described; readonly type: string };
}

export async function observe(mesh: WaitingMesh, { begin, isOver, status }: Observation): Promise<Waited> {
  const started = performance.now();
  await begin();
  let said = '';
  let over = false;
  const listen = async () => {
    while (status !== undefined && !over) {
      const now = await mesh.condition(status.of, status.type);
      if (!over && now !== '') said = now;
      await sleep(askEvery);
    }
  };
  const listening = listen();
  try {
    const ended = await until(isOver);
    return { ms: ended - started, said };
  } finally {
    over = true;
    await listening;
  }
}

/** When it is so, on performance.now()'s clock. */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<number> {
  const deadline = performance.now() + patience;
  for (;;) {
    if (await isSo()) return performance.now();
    if (performance.now() > deadline)
      throw new LateenError('deadline', 'what is waited for has not come in two minutes');
    await sleep(lookEvery);
  }
}
