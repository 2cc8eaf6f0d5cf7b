import { expect } from 'chai';
import { proxiesBinary } from '#hack/setup/index.ts';
import { measureLarge } from '#test/bench/large/index.ts';
import { ScaleMesh, type ScaleSize } from '#test/bench/scale/mesh.ts';

/** As the benchmark has it, small: everything comes in several pages, slices and steps. */
const size: ScaleSize = {
  ...{ services: 240, endpointsPerService: 3, namespaces: 12, tcpEvery: 10 },
  ...{ pods: 720, ruled: 10 },
};
const crowd = { proxies: 6, late: 2 };

describe('a mesh from its lists to its proxies', function () {
  this.timeout(180_000);
  const stopping = new AbortController();
  let mesh: ScaleMesh;

  before(async () => {
    mesh = await ScaleMesh.start(size, stopping.signal);
  });
  after(async () => {
    stopping.abort();
    await mesh.stop();
  });

  it('reaches the first proxies and those that come later, all alike', async () => {
    const { kubeconfig } = mesh.api;
    const program = await proxiesBinary(() => undefined);
    const { signal } = stopping;
    const measurements = await measureLarge({ kubeconfig, size, crowd, program, report: () => undefined, signal });
    const figure = (name: string) => measurements.find((one) => one.figure === name)?.samples[0] ?? Number.NaN;
    expect(figure('all connect: configured')).to.equal(crowd.proxies);
    expect(figure(`${crowd.late} more: configured`)).to.equal(crowd.late);
    // A cluster, endpoints and a virtual host for each service.
    expect(figure('nodes of the graph')).to.be.greaterThan(3 * size.services);
    const each = figure('all connect: sent to each proxy');
    expect(each).to.be.greaterThan(0.2);
    expect(figure(`${crowd.late} more: sent to each proxy`)).to.be.closeTo(each, 0.02);
  });
});
