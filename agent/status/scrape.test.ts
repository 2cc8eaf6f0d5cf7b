import { expect } from 'chai';
import fc from 'fast-check';
import { AgentMetrics } from './metrics.ts';
import { mapLines, renameIstioMetrics } from './scrape.ts';

async function collect(source: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const chunk of source) text += chunk;
  return text;
}

async function* chunksOf(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (const cut of [...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)) {
    yield bytes.subarray(start, cut);
    start = cut;
  }
  yield bytes.subarray(start);
}

describe('merged metrics', () => {
  it('change whole lines, however the bytes are cut', async () => {
    const text = '# TYPE envoy_istio_x counter\nenvoy_istio_x{a="ü"} 1\nenvoy_other 2\nlast 3';
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat()), async (cuts) => {
        const upper = await collect(
          mapLines(chunksOf(Buffer.from(text), cuts), (lines) => lines.replace(/^envoy_/gm, '')),
        );
        expect(upper).to.equal('# TYPE envoy_istio_x counter\nistio_x{a="ü"} 1\nother 2\nlast 3\n');
      }),
    );
  });

  it('give Istio’s metrics their own names back, and nothing else', () => {
    const lines = [
      '# TYPE envoy_istio_requests_total counter',
      'envoy_istio_requests_total{response_code="200",note="envoy_istio_x"} 3',
      '# TYPE envoy_cluster_istio_x gauge',
      'envoy_cluster_istio_x{} 1',
    ];
    expect(renameIstioMetrics(lines.join('\n')).split('\n')).to.deep.equal([
      '# TYPE istio_requests_total counter',
      'istio_requests_total{response_code="200",note="envoy_istio_x"} 3',
      '# TYPE envoy_cluster_istio_x gauge',
      'envoy_cluster_istio_x{} 1',
    ]);
  });

  it('print the agent’s own in Prometheus’ text form', () => {
    const metrics = new AgentMetrics();
    metrics.add('scrapes');
    metrics.add('scrapes');
    metrics.add('scrapeFailures', { type: 'envoy' });
    metrics.set('certificateExpiry', () => 42, { resource_name: 'default' });
    expect(metrics.render()).to.equal(
      [
        '# HELP istio_agent_scrapes_total Scrapes answered.',
        '# TYPE istio_agent_scrapes_total counter',
        'istio_agent_scrapes_total 2',
        '# HELP istio_agent_scrape_failures_total Sources that failed in a scrape.',
        '# TYPE istio_agent_scrape_failures_total counter',
        'istio_agent_scrape_failures_total{type="envoy"} 1',
        '# HELP istio_agent_cert_expiry_seconds Seconds until the workload certificate expires.',
        '# TYPE istio_agent_cert_expiry_seconds gauge',
        'istio_agent_cert_expiry_seconds{resource_name="default"} 42',
        '',
      ].join('\n'),
    );
  });
});
