import { expect } from 'chai';
import { assignAddresses } from './load-balancer.ts';

const service = (name: string, type: string, ip?: string) => ({
  metadata: { name },
  spec: { type },
  status: { loadBalancer: ip === undefined ? {} : { ingress: [{ ip }] } },
});

describe('addresses of LoadBalancer Services', () => {
  const names = (assigned: ReturnType<typeof assignAddresses>) =>
    assigned.map((each) => [each.service.metadata.name, each.address]);

  it('gives each Service that waits for one the lowest that nobody has', () => {
    const services = [
      service('a', 'LoadBalancer', '1.0.0.1'),
      service('b', 'LoadBalancer'),
      service('c', 'ClusterIP'),
      service('d', 'LoadBalancer'),
    ];
    expect(names(assignAddresses(services, ['1.0.0.1', '1.0.0.2', '1.0.0.3']))).to.deep.equal([
      ['b', '1.0.0.2'],
      ['d', '1.0.0.3'],
    ]);
  });

  it('takes back the address of a Service that is no LoadBalancer any more', () => {
    const services = [service('was', 'ClusterIP', '1.0.0.1'), service('is', 'LoadBalancer')];
    expect(names(assignAddresses(services, ['1.0.0.1']))).to.deep.equal([['is', '1.0.0.1']]);
  });

  it('gives nothing when all are taken', () => {
    expect(
      assignAddresses([service('a', 'LoadBalancer', '1.0.0.1'), service('b', 'LoadBalancer')], ['1.0.0.1']),
    ).to.deep.equal([]);
  });
});
