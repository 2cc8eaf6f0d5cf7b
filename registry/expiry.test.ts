import { expect } from 'chai';
import { createGraph } from '#graph/index.ts';
import { createMeshInputs, createMeshQueries } from '#model/index.ts';
import { FakeClock } from '#runtime/core/testing.ts';
import { base64, mintKeyPair } from '#test/support/keypair.ts';
import { createCertificateTime } from './expiry.ts';
import { Generations } from './generations.ts';
import { createMemorySource } from './memory.ts';

const hour = 3600_000;
const objects = `
kind: Pod
metadata: {name: gw, namespace: edge, labels: {istio: ingressgateway}}
spec: {serviceAccountName: default}
status: {podIP: 10.0.0.9, phase: Running}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: main, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: cert}
    hosts: ["*"]
`;

describe('the validity of a certificate', () => {
  const start = (clock: FakeClock) => {
    const graph = createGraph();
    const inputs = createMeshInputs(graph);
    const model = createMeshQueries(graph, inputs);
    const listeners = new Set<() => void>();
    const edit: Parameters<typeof createMemorySource>[0]['edit'] = (batch) => {
      if (graph.edit(batch)) for (const listener of listeners) listener();
    };
    const source = createMemorySource({ inputs, generations: new Generations(), edit, now: () => clock.now() });
    const stop = new AbortController();
    const running = createCertificateTime({
      inputs,
      edit,
      clock,
      nextChange: () => graph.read(model.nextCertificateChange, ''),
      onEdited: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    }).run(stop.signal);
    const put = ({ certificate, key }: ReturnType<typeof mintKeyPair>) =>
      source.apply([
        {
          kind: 'Secret',
          metadata: { name: 'cert', namespace: 'edge' },
          ...{ data: { 'tls.crt': base64(certificate), 'tls.key': base64(key) } },
        },
      ]);
    const facts = () => graph.read(model.diagnostics, 'Gateway/Kubernetes/default/main');
    const served = () => graph.read(model.gatewaySecret, 'Kubernetes/edge/kubernetes://cert');
    source.apply(objects);
    return { facts, graph, put, served, stop, running };
  };

  it('reaches the status of the Gateway when it happens, and leaves with a renewal; nothing is refused', async () => {
    const pair = mintKeyPair();
    const clock = new FakeClock(pair.notAfter - 1000 * hour);
    const { facts, graph, put, served, stop, running } = start(clock);
    put(pair);
    await clock.advance(999 * hour);
    expect(facts()).to.deep.equal([]);
    const { revision } = graph;
    await clock.advance(hour);
    expect(facts()).to.deep.equal([
      {
        type: 'ExpiredRef',
        path: 'spec.servers[0].tls.credentialName',
        message: `Secret cert in namespace edge: its certificate chain expired at ${new Date(pair.notAfter).toISOString()}`,
      },
    ]);
    expect(served()?.kind).to.equal('certificate');
    expect(graph.revision).to.equal(revision + 1);
    const renewed = mintKeyPair(clock.now());
    put(renewed);
    expect(facts()).to.deep.equal([]);
    await clock.advance(renewed.notAfter - clock.now());
    expect(facts()).to.have.length(1);
    put(pair);
    await clock.advance(hour);
    expect(facts()).to.have.length(1);
    stop.abort();
    await running;
    expect(clock.sleeping).to.equal(0);
  });

  it('that is yet to come reaches it too, and leaves when it has come', async () => {
    const pair = mintKeyPair();
    const clock = new FakeClock(pair.notBefore - 2 * hour);
    const { facts, graph, put, served, stop, running } = start(clock);
    put(pair);
    await clock.advance(hour);
    expect(facts()).to.deep.equal([
      {
        type: 'EarlyRef',
        path: 'spec.servers[0].tls.credentialName',
        message: `Secret cert in namespace edge: its certificate chain is not valid before ${new Date(pair.notBefore).toISOString()}`,
      },
    ]);
    expect(served()?.kind).to.equal('certificate');
    const { revision } = graph;
    await clock.advance(hour);
    expect(facts()).to.deep.equal([]);
    expect(graph.revision).to.equal(revision + 1);
    put(mintKeyPair(clock.now()));
    await clock.advance(0);
    expect(graph.revision, 'a certificate that is valid costs nothing more').to.equal(revision + 2);
    stop.abort();
    await running;
  });
});
