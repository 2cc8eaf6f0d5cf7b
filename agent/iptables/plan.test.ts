import { expect } from 'chai';
import { expectGolden } from '#test/support/golden.ts';
import { planRules } from './plan.ts';
import { parseRedirectSettings, type RedirectFlags } from './settings.ts';
import { planRoutes } from './tproxy.ts';

const sidecar: RedirectFlags = {
  'istio-inbound-ports': '*',
  'istio-local-exclude-ports': '15090,15021,15020',
  'istio-service-cidr': '*',
};

/** Flags beyond the defaults, by the name of the golden file. */
const cases: Readonly<Record<string, RedirectFlags>> = {
  defaults: {},
  sidecar: sidecar,
  'inbound-ports': { 'istio-inbound-ports': '4000,5000' },
  'outbound-ranges': { 'istio-service-cidr': '10.0.0.0/8,2001:db8::/32', 'istio-service-exclude-cidr': '10.9.0.0/16' },
  'outbound-ports': { 'istio-outbound-ports': '32000,31000', 'istio-local-outbound-ports-exclude': '22,443' },
  'outbound-loopback': { 'istio-service-cidr': '127.1.2.3/32' },
  owners: { 'proxy-uid': '3,4', 'proxy-gid': '1,2' },
  'exclude-interfaces': { ...sidecar, 'istio-exclude-interfaces': 'eth1,net2' },
  'virtual-interfaces': { 'istio-service-cidr': '10.0.0.0/8', 'kube-virt-interfaces': 'eth1,eth2' },
  'virtual-interfaces-all': { 'istio-service-cidr': '*', 'kube-virt-interfaces': 'eth1' },
  tproxy: { ...sidecar, 'istio-inbound-interception-mode': 'TPROXY', 'istio-exclude-interfaces': 'eth1' },
  'tproxy-inbound-ports': { 'istio-inbound-interception-mode': 'TPROXY', 'istio-inbound-ports': '32000,31000' },
  'drop-invalid': { 'drop-invalid': 'true' },
  dns: { ...sidecar, 'redirect-dns': 'true' },
  'dns-all': { ...sidecar, 'redirect-dns': 'true', 'capture-all-dns': 'true', 'proxy-uid': '1337,0' },
};

function print(flags: RedirectFlags, ipv6: boolean) {
  const { settings, problems } = parseRedirectSettings(flags, ipv6, ['10.96.0.10', 'fe80::1%eth0']);
  expect(problems).to.deep.equal([]);
  const { v4, v6 } = planRules(settings);
  const lines = (rules: typeof v4) =>
    rules.map(({ table, chain, args }) => `-t ${table} -A ${chain} ${args.join(' ')}`);
  return { v4: lines(v4), v6: lines(v6), routes: planRoutes(settings).map((args) => args.join(' ')) };
}

describe('redirection rules', () => {
  for (const [name, flags] of Object.entries(cases)) {
    it(`plans ${name}`, () => expectGolden(import.meta.url, `${name}.json`, print(flags, true)));
  }

  it('plans nothing in mode NONE and no IPv6 rule without IPv6', () => {
    expect(print({ ...sidecar, 'istio-inbound-interception-mode': 'NONE' }, true)).to.deep.equal({
      v4: [],
      v6: [],
      routes: [],
    });
    expect(print(sidecar, false).v6).to.deep.equal([]);
  });

  it('names every mistake', () => {
    const { problems } = parseRedirectSettings(
      {
        'envoy-port': '0',
        'istio-inbound-ports': '80,x',
        'istio-service-cidr': '10.0.0.0/40',
        'istio-inbound-interception-mode': 'MAGIC',
        'istio-exclude-interfaces': 'eth0 -j ACCEPT',
        'proxy-uid': '1337;reboot',
      },
      false,
    );
    expect(problems).to.deep.equal([
      '--proxy-uid: "1337;reboot" is not a user or group',
      '--istio-inbound-interception-mode: "MAGIC" is not REDIRECT, TPROXY or NONE',
      '--envoy-port: "0" is not a number from 1 to 65535',
      '--istio-inbound-ports: "x" is not a port from 1 to 65535',
      '--istio-service-cidr: "10.0.0.0/40" is not an IP address or CIDR range',
      '--istio-exclude-interfaces: "eth0 -j ACCEPT" is not an interface name',
    ]);
  });
});
