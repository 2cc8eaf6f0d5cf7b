import { expect } from 'chai';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { createMetrics, type Labels, type MetricOptions, type Metrics } from './index.ts';

type Declarations = Pick<Metrics, 'counter' | 'gauge' | 'histogram' | 'render'>;

/** The same metrics with the numbers that prom-client keeps itself. */
function buildReference(): Declarations {
  const registry = new Registry();
  const settings = <L extends string>({ name, help, labels = [] }: MetricOptions<L>) => ({
    ...{ name, help, labelNames: [...labels], registers: [registry] },
  });
  return {
    counter: <L extends string>(metric: MetricOptions<L>) => {
      const counter = new Counter<string>(settings(metric));
      return {
        increment: (labels: Labels<L>, by?: number) => counter.inc(labels, by),
        bind: (labels: Labels<L>) => {
          const series = counter.labels(labels);
          return { increment: (by?: number) => series.inc(by) };
        },
      };
    },
    gauge: (metric) => {
      const gauge = new Gauge(settings(metric));
      return {
        set: (labels, value) => gauge.set(labels, value),
        add: (labels, by) => gauge.inc(labels, by),
        remove: (labels) => gauge.remove(labels),
      };
    },
    histogram: <L extends string>(metric: MetricOptions<L> & { readonly buckets: readonly number[] }) => {
      const histogram = new Histogram<string>({ ...settings(metric), buckets: [...metric.buckets] });
      return {
        observe: (labels: Labels<L>, value: number) => histogram.observe(labels, value),
        bind: (labels: Labels<L>) => {
          const series = histogram.labels(labels);
          return { observe: (value: number) => series.observe(value) };
        },
      };
    },
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

const help = 'Has a \\ and a\nsecond line.';
const BUCKETS = [0.001, 0.1, 1, 5, 1e6];
/** Around and on the bounds of the buckets, and numbers whose sum is not exact. */
const VALUES = [0.1, 0.2, 0, -3, 1, 1.000001, 5, 5e-324, 1e6, 1e6 + 1, 1e21, 0.30000000000000004, 7];

/** Calls the same on whichever metrics these are; the texts after each stretch. */
async function exercise(metrics: Declarations, stretches: readonly ((all: All) => void)[]): Promise<readonly string[]> {
  const all = declare(metrics);
  const texts: string[] = [(await metrics.render()).text];
  for (const stretch of stretches) {
    stretch(all);
    texts.push((await metrics.render()).text);
  }
  return texts;
}

type All = ReturnType<typeof declare>;

function declare(metrics: Declarations) {
  const labels = ['type'] as const;
  const three = ['b', 'a', 'c'] as const;
  return {
    plainCounter: metrics.counter({ name: 'plain_total', help }),
    counter: metrics.counter({ name: 'typed_total', help, labels }),
    wideCounter: metrics.counter({ name: 'wide_total', help, labels: three }),
    plainGauge: metrics.gauge({ name: 'plain_now', help }),
    gauge: metrics.gauge({ name: 'typed_now', help, labels }),
    wideGauge: metrics.gauge({ name: 'wide_now', help, labels: three }),
    plainHistogram: metrics.histogram({ name: 'plain_seconds', help, buckets: BUCKETS }),
    histogram: metrics.histogram({ name: 'typed_seconds', help, labels, buckets: BUCKETS }),
    wideHistogram: metrics.histogram({ name: 'wide_seconds', help, labels: three, buckets: BUCKETS }),
  };
}

async function expectSame(...stretches: readonly ((all: All) => void)[]): Promise<readonly string[]> {
  const ours = await exercise(createMetrics(), stretches);
  expect(ours).to.deep.equal(await exercise(buildReference(), stretches));
  return ours;
}

describe('series of metrics, beside those of prom-client', () => {
  it('read the same before anything is counted', async () => {
    const [text] = await expectSame();
    expect(text).to.contain('plain_total 0').and.to.contain('plain_seconds_bucket{le="+Inf"} 0');
  });

  it('read the same for the same calls, readings in between', async () => {
    await expectSame(
      (all) => {
        for (const value of VALUES) {
          all.plainHistogram.observe({}, value);
          all.histogram.observe({ type: value > 1 ? 'eds' : 'cds' }, value);
          all.wideHistogram.observe({ c: 'z', b: String(value > 0), a: 'x' }, value);
          all.plainCounter.increment({}, Math.abs(value));
          all.counter.increment({ type: value > 1 ? 'eds' : 'cds' }, Math.abs(value));
          all.wideCounter.increment({ a: 'x', c: 'z', b: String(value > 0) });
          all.plainGauge.add({}, value);
          all.gauge.add({ type: value > 1 ? 'eds' : 'cds' }, value);
          all.wideGauge.set({ b: 'y', c: String(value > 0), a: 'x' }, value);
        }
      },
      (all) => {
        // Numerals would be in another order if they were keys of an object.
        for (const type of ['10', '9', '', 'a "quoted" one', 'C:\\new\nline', 'eds', '__proto__', 'constructor']) {
          all.counter.increment({ type }, 0);
          all.histogram.observe({ type }, 0.5);
          all.gauge.set({ type }, Number.NaN);
        }
        all.plainCounter.increment({});
        all.plainGauge.set({}, -Infinity);
      },
    );
  });

  it('show a bound one from its first use on, in the order of uses', async () => {
    const [, , text] = await expectSame(
      ({ counter, histogram, plainCounter, plainHistogram }) => {
        for (const type of ['never', 'cds', 'eds']) {
          counter.bind({ type });
          histogram.bind({ type });
        }
        plainCounter.bind({}).increment();
        plainHistogram.bind({}).observe(3);
      },
      ({ counter, histogram }) => {
        const [cds, eds] = ['cds', 'eds'].map((type) => ({
          pushes: counter.bind({ type }),
          time: histogram.bind({ type }),
        }));
        for (const series of [eds, cds, eds]) {
          series?.pushes.increment();
          series?.time.observe(0.25);
        }
        // With and without a bound series it is one and the same.
        counter.increment({ type: 'eds' }, 0.5);
        histogram.observe({ type: 'eds' }, 2);
      },
    );
    expect(text)
      .to.match(/^typed_total\{type="eds"\} 2\.5\ntyped_total\{type="cds"\} 1$/m)
      .and.not.contain('never');
  });

  it('forget the same series, which come last when they come back', async () => {
    const [, , text] = await expectSame(
      ({ gauge, wideGauge }) => {
        for (const type of ['a', 'b', 'c']) gauge.add({ type }, 1);
        wideGauge.set({ b: '1', a: '2', c: '3' }, 4);
      },
      ({ gauge, wideGauge }) => {
        gauge.remove({ type: 'a' });
        gauge.remove({ type: 'unknown' });
        wideGauge.remove({ c: '3', a: '2', b: '1' });
        gauge.add({ type: 'a' }, 2);
      },
    );
    expect(text).to.match(/^typed_now\{type="c"\} 1\ntyped_now\{type="a"\} 2$/m);
  });

  it('refuse the same, and are left as they were', async () => {
    const undeclared = { type: 'eds', other: 'x' };
    const refused: readonly ((all: All) => void)[] = [
      ({ plainHistogram }) => plainHistogram.observe({}, Number.NaN),
      ({ histogram }) => histogram.observe({ type: 'eds' }, Infinity),
      ({ histogram }) => histogram.bind({ type: 'eds' }).observe(-Infinity),
      ({ plainCounter }) => plainCounter.increment({}, -1),
      ({ counter }) => counter.bind({ type: 'eds' }).increment(-0.5),
      ({ counter }) => counter.increment({ type: 'eds' }, Infinity),
      ({ counter }) => counter.increment({ type: 'eds' }, -Infinity),
      ({ counter }) => counter.increment(undeclared),
      ({ histogram }) => histogram.observe(undeclared, 1),
      ({ gauge }) => gauge.add(undeclared, 1),
    ];
    for (const metrics of [createMetrics(), buildReference()]) {
      const all = declare(metrics);
      const { text } = await metrics.render();
      for (const call of refused) expect(() => call(all), String(call)).to.throw();
      expect((await metrics.render()).text).to.equal(text);
    }
  });

  it('refuse as an increment what is no number, which would stay for good', async () => {
    const metrics = createMetrics();
    const counter = metrics.counter({ name: 'events', help });
    expect(() => counter.increment({}, Number.NaN)).to.throw('NaN');
    expect((await metrics.render()).text).to.contain('events 0');
  });

  for (const [what, declareWrong] of Object.entries({
    'a name that is none': (metrics: Declarations) => metrics.histogram({ name: 'a-b', help, buckets: BUCKETS }),
    'a label that is none': (metrics: Declarations) =>
      metrics.histogram({ name: 'ab', help, labels: ['c-d'], buckets: BUCKETS }),
    'a label that buckets have': (metrics: Declarations) =>
      metrics.histogram({ name: 'ab', help, labels: ['le'], buckets: BUCKETS }),
    'two histograms of one name': (metrics: Declarations) => {
      for (let times = 0; times < 2; times++) metrics.histogram({ name: 'ab', help, buckets: BUCKETS });
    },
  }))
    it(`refuse ${what}`, () => {
      for (const metrics of [createMetrics(), buildReference()]) expect(() => declareWrong(metrics)).to.throw();
    });
});
