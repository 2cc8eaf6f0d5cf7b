import { expect } from 'chai';
import { createMetrics } from './index.ts';

describe('metrics', () => {
  it('render counters, gauges and histograms in the exposition format', async () => {
    const metrics = createMetrics();
    const pushes = metrics.counter({ name: 'pushes', help: 'Pushes.', labels: ['type'] });
    const streams = metrics.gauge({ name: 'streams', help: 'Streams.' });
    const seconds = metrics.histogram({ name: 'seconds', help: 'Seconds.', buckets: [0.1, 1] });
    pushes.increment({ type: 'cds' });
    pushes.increment({ type: 'cds' }, 2);
    streams.set({}, 3);
    streams.add({}, -1);
    seconds.observe({}, 0.5);
    const { contentType, text } = await metrics.render();
    expect(contentType).to.contain('text/plain');
    expect(text).to.contain('pushes{type="cds"} 3');
    expect(text).to.contain('streams 2');
    expect(text).to.contain('seconds_bucket{le="0.1"} 0').and.to.contain('seconds_bucket{le="1"} 1');
  });

  it('forget a series on request', async () => {
    const metrics = createMetrics();
    const held = metrics.gauge({ name: 'held', help: 'Held.', labels: ['proxy'] });
    held.set({ proxy: 'a' }, 1);
    held.remove({ proxy: 'a' });
    expect((await metrics.render()).text).to.not.contain('proxy="a"');
  });

  it('ask whoever keeps a tally for it each time', async () => {
    const metrics = createMetrics();
    let value = 1;
    metrics.tally({
      ...{ name: 'events', help: 'Events.', labels: ['type'] },
      read: () => [{ labels: { type: 'Pods' }, value }],
    });
    expect((await metrics.render()).text).to.contain('events{type="Pods"} 1');
    value = 5;
    expect((await metrics.render()).text).to.contain('events{type="Pods"} 5');
  });

  it('tell how long the event loop waited since they were read last, and of the process itself', async () => {
    const metrics = createMetrics({ process: true });
    const read = async () => {
      const { text } = await metrics.render();
      return Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1]);
    };
    const lookedAt = () => new Promise((resolve) => setTimeout(resolve, 250));
    await read();
    // The look after a reading begins anew.
    await lookedAt();
    const end = performance.now() + 400;
    while (performance.now() < end);
    await lookedAt();
    expect(await read()).to.be.greaterThan(0.25);
    const { text } = await metrics.render();
    for (const name of [
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_p99_seconds',
      'nodejs_heap_size_used_bytes',
    ])
      expect(text).to.match(new RegExp(`^${name}[ {]`, 'm'));
    expect(text).to.not.contain('nodejs_eventloop_lag_min_seconds');
  });

  it('refuse two metrics of one name', () => {
    const metrics = createMetrics();
    metrics.counter({ name: 'twice', help: 'Once.' });
    expect(() => metrics.counter({ name: 'twice', help: 'Again.' })).to.throw('twice');
  });
});
