import { LateenError, systemClock } from '#runtime/core/index.ts';

const patienceMilliseconds = 120_000;

/** Asks again and again until the answer is yes. Throws LateenError('deadline') naming what did not come. */
export async function waitUntil(
  what: string,
  holds: () => Promise<boolean>,
  patience: number = patienceMilliseconds,
): Promise<void> {
  const deadline = performance.now() + patience;
  while (!(await holds())) {
    if (performance.now() > deadline)
      throw new LateenError('deadline', `${what}: not ready after ${patience / 1000} s`);
    await systemClock.sleep(100);
  }
}
