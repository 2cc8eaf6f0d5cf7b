import { expect } from 'chai';
import { untilAborted } from './abort.ts';

describe('untilAborted', () => {
  it('resolves with the signal, and not before', async () => {
    const controller = new AbortController();
    let over = false;
    const ended = untilAborted(controller.signal).then(() => {
      over = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(over).to.equal(false);
    controller.abort();
    await ended;
    expect(over).to.equal(true);
  });

  it('resolves at once where the signal was aborted before', async () => {
    await untilAborted(AbortSignal.abort());
  });
});
