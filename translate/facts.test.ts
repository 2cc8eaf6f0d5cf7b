import { expect } from 'chai';
import { describeProxy } from '#test/support/pipeline.ts';
import { factsOf } from './facts.ts';

describe('what the model reads of a proxy', () => {
  it('has the ports at which it listens for itself, where it says so', () => {
    const ownPorts = (metadata: Readonly<Record<string, unknown>>) => factsOf(describeProxy({ metadata })).ownPorts;
    expect(ownPorts({ ENVOY_STATUS_PORT: 15521, ENVOY_PROMETHEUS_PORT: 15090 })).to.deep.equal({
      ...{ readiness: 15521, prometheus: 15090 },
    });
    expect(ownPorts({ ENVOY_STATUS_PORT: '15521' })).to.deep.equal({ readiness: 15521 });
    expect(ownPorts({ ENVOY_STATUS_PORT: true, ENVOY_PROMETHEUS_PORT: 70_000 })).to.deep.equal({});
    expect(ownPorts({})).to.deep.equal({});
  });
});
