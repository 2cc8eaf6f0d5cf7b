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

describe('the expiry of a certificate', () => {
  it('reaches the status of the Gateway when it happens, and leaves with a renewal; nothing is refused', async () => {
    const pair = mintKeyPair();
    const clock = new FakeClock(pair.notAfter - 1000 * hour);
    const graph = createGraph();
    const inputs = createMeshInputs(graph);
    const model = createMeshQueries(graph, inputs);
    const listeners = new Set<() => void>();
    const edit: Parameters<typeof createMemorySource>[0]['edit'] = (batch) => {
      if (graph.edit(batch)) for (const listener of listeners) listener();
    };
    const source = createMemorySource({ inputs, generations: new Generations(), edit });
    const stop = new AbortController();
    const running = createCertificateTime({
      inputs,
      edit,
      clock,
      nextExpiry: () => graph.read(model.nextCertificateExpiry, ''),
      onEdited: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    }).run(stop.signal);
    const put = ({ certificate, key }: typeof pair) =>
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
});
