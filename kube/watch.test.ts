import { expect } from 'chai';
import { FakeClock } from '#runtime/core/testing.ts';
import { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import { resources } from './resources.ts';
import type { KubeCall } from './transport.ts';
import { type WatchTrouble, watchKind } from './watch.ts';

type Stream = AsyncIterable<Uint8Array>;

/** How the API server answers a watch: refuses it, or accepts it and fails or ends it after a while. */
type Answer = KubeError | { readonly lastsMs: number; readonly failure?: KubeError };

const gone = new KubeError('unavailable', 'too old', { httpStatus: 410 });
const broken = new KubeError('unavailable', 'reset');

/** One kind watched by a clock that stands still, at a server that answers every list and watch as it is told to. */
class Watched {
  readonly clock = new FakeClock();
  readonly troubles: WatchTrouble[] = [];
  /** When what was asked for, in milliseconds since the start. */
  readonly asked: string[] = [];
  list: KubeError | undefined;
  watch: (number: number) => Answer = () => ({ lastsMs: Number.POSITIVE_INFINITY });
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #watches = 0;

  constructor(list: KubeError | undefined, watch: Watched['watch']) {
    this.list = list;
    this.watch = watch;
    const client = new KubeClient({
      send: () => this.#list(),
      stream: (call) => this.#watch(call),
      close: async () => undefined,
    });
    this.#running = watchKind({
      client,
      resource: resources.pods,
      onBatch: () => undefined,
      onTrouble: (trouble) => this.troubles.push(trouble),
      clock: this.clock,
      // The longest waits there are: 200 ms, 400 ms and so on.
      random: () => 1,
    }).run(this.#stop.signal);
  }

  /** The waits so far, in milliseconds. */
  get waits(): readonly number[] {
    return this.troubles.map(({ retryInMs }) => retryInMs);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.clock.advance(0);
    await this.#running;
  }

  async #list(): Promise<unknown> {
    this.asked.push(`list ${this.clock.monotonic()}`);
    if (this.list !== undefined) throw this.list;
    return { items: [], metadata: { resourceVersion: '1' } };
  }

  async #watch({ signal }: KubeCall): Promise<Stream> {
    this.asked.push(`watch ${this.clock.monotonic()}`);
    const answer = this.watch(this.#watches);
    this.#watches += 1;
    if (answer instanceof KubeError) throw answer;
    const { clock } = this;
    return (async function* (): AsyncGenerator<Uint8Array> {
      // A chunk without a line: the server says nothing of the kind.
      yield new Uint8Array();
      await clock.sleep(answer.lastsMs, signal);
      if (answer.failure !== undefined) throw answer.failure;
    })();
  }
}

describe('the pace of a watch', () => {
  let watched: Watched;
  const start = (list: KubeError | undefined, watch: Watched['watch']) => {
    watched = new Watched(list, watch);
    return watched;
  };
  afterEach(async () => {
    await watched.stop();
  });

  it('forgets an outage once a list succeeds, though nothing happens to the kind', async () => {
    const { clock, troubles } = start(broken, (number) =>
      number === 0 ? { lastsMs: 10_000, failure: broken } : { lastsMs: Number.POSITIVE_INFINITY },
    );
    await clock.advance(20_000);
    expect(watched.waits.at(-1)).to.equal(200 * 2 ** 6);
    watched.list = undefined;
    troubles.length = 0;
    await clock.advance(30_000);
    expect(watched.waits).to.deep.equal([200]);
    expect(watched.asked.at(-1)).to.match(/^watch/);
  });

  it('forgets refused watches once one was accepted and stood, though nothing happens to the kind', async () => {
    const { clock } = start(undefined, (number) =>
      number === 2 ? { lastsMs: 5_000, failure: broken } : number < 4 ? broken : { lastsMs: Number.POSITIVE_INFINITY },
    );
    await clock.advance(60_000);
    expect(watched.waits).to.deep.equal([200, 400, 200, 400]);
  });

  it('lists again at once when the version expired', async () => {
    for (const answer of [gone, { lastsMs: 0, failure: gone }]) {
      const { clock } = start(undefined, (number) =>
        number === 0 ? { lastsMs: 40_000 } : number === 1 ? answer : { lastsMs: Number.POSITIVE_INFINITY },
      );
      await clock.advance(60_000);
      expect(watched.asked).to.deep.equal(['list 0', 'watch 0', 'watch 40000', 'list 40000', 'watch 40000']);
      expect(watched.waits).to.deep.equal([0]);
      await watched.stop();
    }
  });

  it('waits as long as the server asks, though the version expired', async () => {
    const busy = new KubeError('unavailable', 'too old', { httpStatus: 410, retryAfterMs: 3_000 });
    const { clock } = start(undefined, (number) =>
      number === 0 ? { lastsMs: 1_000, failure: busy } : { lastsMs: Number.POSITIVE_INFINITY },
    );
    await clock.advance(10_000);
    expect(watched.asked).to.deep.equal(['list 0', 'watch 0', 'list 4000', 'watch 4000']);
  });

  const relentless: readonly (readonly [what: string, answer: Answer])[] = [
    ['refuses every fresh version as expired', gone],
    ['accepts every watch and then calls its version expired', { lastsMs: 0, failure: gone }],
    ['refuses every watch', broken],
    ['accepts every watch and breaks it off', { lastsMs: 0, failure: broken }],
    ['accepts every watch and ends it', { lastsMs: 0 }],
  ];
  for (const [what, answer] of relentless) {
    it(`waits longer and longer for a server that ${what}, and never gives up`, async () => {
      const { clock } = start(undefined, () => answer);
      await clock.advance(600_000);
      const doubling = [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000];
      expect(watched.waits.slice(0, 9)).to.deep.equal(doubling);
      expect(new Set(watched.waits.slice(9))).to.deep.equal(new Set([30_000]));
      expect(watched.waits.length).to.be.greaterThan(20);
    });
  }
});
