import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again until the answer is accepted; when the time is over, fails with what the last one lacked. */
export async function eventually<T>(
  ask: () => Promise<T> | T,
  accept: (answer: T) => void,
  milliseconds = 40_000,
): Promise<T> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const answer = await ask();
    try {
      accept(answer);
      return answer;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await sleep(50);
  }
}
