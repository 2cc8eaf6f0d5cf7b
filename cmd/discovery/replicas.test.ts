import { expect } from 'chai';
import { createGraph } from '#graph/index.ts';
import { createMeshInputs } from '#model/index.ts';
import { createReplicas } from './replicas.ts';

const service = 'c1/istio-system/istiod';

/** The addresses of a replica in a cluster whose Service has these endpoints. */
function replicasOf(ownAddress: string, addresses: readonly (readonly ['ipv4' | 'ipv6', string])[]): readonly string[] {
  const graph = createGraph();
  const inputs = createMeshInputs(graph);
  graph.edit((edit) => {
    addresses.forEach(([family, address], at) => {
      edit.set(inputs.endpointSlices, `c1/istio-system/istiod-${at}`, {
        ...{ cluster: 'c1', namespace: 'istio-system', name: `istiod-${at}`, uid: String(at), generation: 0 },
        ...{ resourceVersion: '', createdAt: 0, service, family, ports: [] },
        endpoints: [{ addresses: [address], ready: true, serving: true, terminating: false }],
      });
    });
  });
  return createReplicas({ graph, inputs, service, ownAddress, onEdited: () => () => undefined }).current();
}

describe('the replicas of a control plane', () => {
  it('are all but this one', () => {
    const addresses = [
      ['ipv4', '10.0.0.2'],
      ['ipv4', '10.0.0.1'],
    ] as const;
    expect(replicasOf('10.0.0.1', addresses)).to.deep.equal(['10.0.0.2:15012']);
    expect(replicasOf('', addresses)).to.deep.equal(['10.0.0.1:15012', '10.0.0.2:15012']);
  });

  it('are found where there is no IPv4, and counted once where there is both', () => {
    const addresses = [
      ['ipv4', '10.0.0.1'],
      ['ipv4', '10.0.0.2'],
      ['ipv6', 'fd00::1'],
      ['ipv6', 'fd00::2'],
    ] as const;
    expect(replicasOf('fd00::1', addresses.slice(2))).to.deep.equal(['[fd00::2]:15012']);
    expect(replicasOf('fd00::1', addresses)).to.deep.equal(['[fd00::2]:15012']);
    expect(replicasOf('10.0.0.1', addresses)).to.deep.equal(['10.0.0.2:15012']);
  });
});
