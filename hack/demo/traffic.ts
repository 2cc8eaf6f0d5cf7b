import { LateenError, systemClock } from '#runtime/core/index.ts';

/** How often one version answered, and how often it should have. */
export interface Share {
  readonly version: string;
  readonly count: number;
  /** Percent, as the VirtualService has it. */
  readonly weight: number;
}

/** The versions' weights in config/samples/bookinfo/gateway.yaml. */
const weights: Readonly<Record<string, number>> = { v1: 60, v2: 10, v3: 30 };

const settleMilliseconds = 60_000;

/**
 * Asks for the product page again and again, a few at once, and gives every body. Waits first until the page answers:
 * routes reach a gateway a moment after they are applied.
 */
export async function sendTraffic(url: string, requests: number, parallel = 8): Promise<string[]> {
  await untilAnswered(url);
  const bodies: string[] = [];
  const failures: string[] = [];
  let left = requests;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const response = await fetch(url);
      const body = await response.text();
      if (response.ok) bodies.push(body);
      else failures.push(`${response.status} ${body.slice(0, 100)}`);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  if (failures.length > 0) {
    throw new LateenError('unavailable', `${failures.length} of ${requests} requests failed, first: ${failures[0]}`);
  }
  return bodies;
}

/** Which version of reviews is on each page, counted against the weights. */
export function countVersions(bodies: readonly string[]): Share[] {
  const counts = new Map<string, number>();
  for (const body of bodies) {
    const version = /id="reviews-version">([^<]*)</.exec(body)?.[1] ?? 'none';
    counts.set(version, (counts.get(version) ?? 0) + 1);
  }
  return [...new Set([...Object.keys(weights), ...counts.keys()])]
    .sort()
    .map((version) => ({ version, count: counts.get(version) ?? 0, weight: weights[version] ?? 0 }));
}

async function untilAnswered(url: string): Promise<void> {
  const deadline = performance.now() + settleMilliseconds;
  for (;;) {
    const last = await statusOf(url);
    if (last === '200') return;
    if (performance.now() > deadline) {
      throw new LateenError('deadline', `${url} did not answer within ${settleMilliseconds / 1000} s (last: ${last})`);
    }
    await systemClock.sleep(200);
  }
}

async function statusOf(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    const body = await response.text();
    // A page with a service missing is no page yet.
    return response.ok && body.includes('currently unavailable')
      ? 'a service behind it is unavailable'
      : String(response.status);
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    return cause instanceof Error ? cause.message : String(error);
  }
}
