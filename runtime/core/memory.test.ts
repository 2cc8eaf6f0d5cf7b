import { expect } from 'chai';
import { MemoryTidier } from './memory.ts';
import { FakeClock } from './testing.ts';

describe('memory tidier', () => {
  const gc = globalThis.gc;
  const stopping = new AbortController();

  after(() => {
    stopping.abort();
    if (gc === undefined) Reflect.deleteProperty(globalThis, 'gc');
    else globalThis.gc = gc;
  });

  it('collects once, three seconds after the last that it should not disturb', async () => {
    const clock = new FakeClock();
    let collections = 0;
    let told = 0;
    globalThis.gc = Object.assign(async () => {
      collections += 1;
    }) as unknown as NonNullable<typeof gc>;
    const tidier = new MemoryTidier(clock, { onCollected: () => (told = collections) });
    const running = tidier.run(stopping.signal);
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const pass = async (ms: number) => {
      await clock.advance(ms);
      await turn();
    };
    tidier.postpone();
    await pass(10_000);
    expect(collections).to.equal(0);
    tidier.request();
    await turn();
    await pass(2_000);
    tidier.postpone();
    await pass(2_900);
    expect(collections).to.equal(0);
    await pass(100);
    expect(collections).to.equal(1);
    await pass(10_000);
    expect(collections).to.equal(1);
    expect(told).to.equal(1);
    stopping.abort();
    await running;
  });
});
