import { expect } from 'chai';
import { parseStats, sumConnections } from '../proxy/admin.ts';
import { describeMissing, Readiness } from './readiness.ts';

const live = {
  'server.state': 0,
  'cluster_manager.cds.update_success': 1,
  'listener_manager.lds.update_success': 1,
  'listener_manager.workers_started': 1,
};
const stats = (changes: Record<string, number> = {}) => new Map(Object.entries({ ...live, ...changes }));

describe('readiness', () => {
  it('needs a live server, clusters, listeners and workers', () => {
    expect(describeMissing(stats())).to.equal('');
    expect(describeMissing(new Map())).to.contain('not live');
    expect(describeMissing(stats({ 'server.state': 2 }))).to.contain('server state 2');
    expect(describeMissing(stats({ 'cluster_manager.cds.update_success': 0 }))).to.contain('clusters (CDS)');
    expect(describeMissing(stats({ 'listener_manager.lds.update_success': 0 }))).to.contain('listeners (LDS)');
    expect(describeMissing(stats({ 'listener_manager.workers_started': 0 }))).to.contain('workers');
  });

  it('asks Envoy until it is ready, and then no more until Envoy restarts', async () => {
    let asked = 0;
    let current = stats({ 'server.state': 2 });
    const readiness = new Readiness({
      stats: async () => {
        asked++;
        return current;
      },
    });
    const found: number[] = [];
    readiness.onReady(() => found.push(asked));
    expect((await readiness.report()).ready).to.equal(false);
    current = stats();
    for (let i = 0; i < 3; i++) expect((await readiness.report()).ready).to.equal(true);
    expect(asked).to.equal(2);
    readiness.reset();
    expect((await readiness.report()).ready).to.equal(true);
    expect(asked).to.equal(3);
    expect(found).to.deep.equal([2, 3]);
  });

  it('is over once closed, and says when Envoy does not answer', async () => {
    const silent = new Readiness({ stats: () => Promise.reject(new Error('connection refused')) });
    expect((await silent.report()).reason).to.contain('connection refused');
    const readiness = new Readiness({ stats: async () => stats() });
    expect((await readiness.report()).ready).to.equal(true);
    readiness.close('the proxy is draining');
    expect(await readiness.report()).to.deep.equal({ ready: false, reason: 'the proxy is draining' });
  });
});

describe('statistics of Envoy', () => {
  it('are lines of name and number', () => {
    expect([...parseStats('server.state: 0\ncluster.a: b;.x: 3\nhistogram: No recorded values\n\n')]).to.deep.equal([
      ['server.state', 0],
      ['cluster.a: b;.x', 3],
    ]);
  });

  it('tell clients of the mesh from probes and scrapes', () => {
    const connections = new Map([
      ['listener.0.0.0.0_15006.downstream_cx_active', 2],
      ['listener.0.0.0.0_15006.worker_0.downstream_cx_active', 2],
      ['listener.[__]_15001.downstream_cx_active', 1],
      ['listener.0.0.0.0_15021.downstream_cx_active', 5],
      ['listener.0.0.0.0_15090.downstream_cx_active', 7],
      ['listener.admin.downstream_cx_active', 9],
    ]);
    expect(sumConnections(connections, [15021, 15090])).to.equal(3);
  });
});
