import { BlockList } from 'node:net';
import { expect } from 'chai';
import { linkIndexes, maximumClusters, resolveLayout } from './layout.ts';

const layouts = Array.from({ length: maximumClusters }, (_, index) => resolveLayout(`c${index}`, index, true));

describe('the layout of a local cluster', () => {
  it('shares no address, name or path with another cluster', () => {
    const own = layouts.map(({ directory, networkNamespace, link, cgroup, node, podCidrs, serviceCidrs }) => [
      directory,
      networkNamespace,
      link.hostInterface,
      link.hostAddress,
      link.clusterAddress,
      cgroup,
      ...node.addresses,
      ...podCidrs,
      ...serviceCidrs,
    ]);
    expect(new Set(own.flat()).size).to.equal(own.flat().length);
  });

  it('keeps nodes, the DNS server and the Service of the API server where they belong', () => {
    for (const layout of layouts) {
      const pods = blockList(layout.podCidrs);
      const services = blockList(layout.serviceCidrs);
      for (const address of layout.node.addresses) {
        expect(contains(pods, address) || contains(services, address), address).to.equal(false);
      }
      expect(contains(services, layout.dnsAddress)).to.equal(true);
      expect(contains(services, layout.controlPlane.kubernetesServiceAddress)).to.equal(true);
      expect(layout.podCidrs.some((cidr) => contains(services, cidr.split('/')[0] ?? ''))).to.equal(false);
    }
  });

  it('has one IP family where the kernel has one', () => {
    const layout = resolveLayout('single', 3, false);
    const addresses = [...layout.node.addresses, ...layout.podCidrs, ...layout.serviceCidrs];
    expect(addresses).to.have.length(3);
    expect(addresses.join()).to.not.contain(':');
  });

  it('has interface names that the kernel takes, 15 characters at most', () => {
    for (const { link } of layouts) expect(`${link.hostInterface}t`.length).to.be.at.most(15);
  });

  it("leaves out the numbers whose link is somebody else's", () => {
    expect(linkIndexes(['10.0.0.1', '169.254.203.9', 'fe80::1', '169.254.200.1'])).to.deep.equal(new Set([3, 0]));
  });
});

function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', prefix = ''] = cidr.split('/');
    list.addSubnet(address, Number(prefix), family(address));
  }
  return list;
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, family(address));
}

function family(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
