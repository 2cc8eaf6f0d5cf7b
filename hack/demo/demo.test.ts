import { expect } from 'chai';
import { parsePeers, renderShares, sumPeers } from './report.ts';
import { countVersions } from './traffic.ts';

describe('what the demonstration shows', () => {
  const page = (version: string) => `<p>… <span id="reviews-version">${version}</span></p>`;

  it('counts the versions on the pages, also one that never came and one that nobody asked for', () => {
    expect(countVersions([page('v1'), page('v3'), page('v3'), page('v9')])).to.deep.equal([
      { version: 'v1', count: 1, weight: 60 },
      { version: 'v2', count: 0, weight: 10 },
      { version: 'v3', count: 2, weight: 30 },
      { version: 'v9', count: 1, weight: 0 },
    ]);
  });

  it('shows shares in percent of what was counted', () => {
    const table = renderShares([
      { version: 'v1', count: 3, weight: 60 },
      { version: 'v3', count: 1, weight: 40 },
    ]);
    expect(table).to.match(/reviews v1 +3 +75\.0 % +60 %/);
    expect(table).to.match(/reviews v3 +1 +25\.0 % +40 %/);
  });

  it("takes only the destination's samples of istio_requests_total", () => {
    const metrics = `# TYPE istio_requests_total counter
istio_requests_total{reporter="destination",source_principal="spiffe://a",destination_principal="spiffe://b",connection_security_policy="mutual_tls"} 7
istio_requests_total{reporter="source",source_principal="spiffe://a"} 9
istio_request_bytes{reporter="destination"} 3`;
    expect(parsePeers(metrics)).to.deep.equal([
      { source: 'spiffe://a', destination: 'spiffe://b', security: 'mutual_tls', requests: 7 },
    ]);
  });

  it('takes the pods of a workload together', () => {
    const peer = { source: 'a', destination: 'b', security: 'mutual_tls' };
    const sums = sumPeers([
      { ...peer, requests: 1 },
      { ...peer, security: 'none', requests: 2 },
      { ...peer, requests: 4 },
    ]);
    expect(sums).to.have.deep.members([
      { ...peer, requests: 5 },
      { ...peer, security: 'none', requests: 2 },
    ]);
  });
});
