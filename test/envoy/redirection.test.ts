import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { NetworkPair } from '#test/support/netns.ts';

const agent = fileURLToPath(new URL('../../cmd/pilot-agent.ts', import.meta.url));

/** What the injector writes into istio-init. */
const sidecarFlags = [
  ...['-p', '15001', '-z', '15006', '-u', '1337', '-m', 'REDIRECT', '-i', '*', '-x', ''],
  ...['-b', '*', '-d', '15090,15021,15020', '--log_output_level=default:info'],
];

describe('redirection in a real network namespace', function () {
  // Dozens of programs run one after another; a busy machine takes its time over each.
  this.timeout(60_000);
  let network: NetworkPair;
  let stops: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    network = await NetworkPair.create();
    stops = [await network.listen('pod', [15001, 15006, 15020, 9080]), await network.listen('peer', [80, 443])];
  });

  afterEach(async () => {
    for (const stop of stops) await stop();
    await network.remove();
  });

  const iptables = (...flags: readonly string[]) =>
    network.run('pod', [process.execPath, agent, 'istio-iptables', ...flags]);

  const rules = async () => {
    const v4 = await network.run('pod', ['iptables-save']);
    const v6 = await network.run('pod', ['ip6tables-save']);
    return `${v4.stdout}${v6.stdout}`.replace(/^#.*\n/gm, '').replace(/\[\d+:\d+\]/g, '');
  };

  it('sends the application’s traffic through Envoy’s ports, and Envoy’s own past them', async () => {
    const { addresses } = network;
    expect(await network.dial('pod', addresses.peer, 80, { uid: 1000 })).to.equal('peer 80');
    expect(await iptables(...sidecarFlags)).to.include({ code: 0 });

    const seen = {
      'application to the outside': await network.dial('pod', addresses.peer, 80, { uid: 1000 }),
      'application to the outside, IPv6': await network.dial('pod', addresses.peer6, 80, { uid: 1000 }),
      'Envoy to the outside': await network.dial('pod', addresses.peer, 80, { uid: 1337 }),
      'outside to the application': await network.dial('peer', addresses.pod, 9080),
      'outside to the application, IPv6': await network.dial('peer', addresses.pod6, 9080),
      'outside to an excluded port': await network.dial('peer', addresses.pod, 15020),
      'application to itself by loopback': await network.dial('pod', '127.0.0.1', 9080, { uid: 1000 }),
      'application to itself by its address': await network.dial('pod', addresses.pod, 9080, { uid: 1000 }),
      'Envoy to the pod’s own address': await network.dial('pod', addresses.pod, 9080, { uid: 1337 }),
      'agent to the application, past Envoy': await network.dial('pod', addresses.pod, 9080, {
        uid: 1337,
        from: '127.0.0.6',
      }),
      'agent to the application, past Envoy, IPv6': await network.dial('pod', addresses.pod6, 9080, {
        uid: 1337,
        from: '::6',
      }),
    };
    expect(seen).to.deep.equal({
      'application to the outside': 'pod 15001',
      'application to the outside, IPv6': 'pod 15001',
      'Envoy to the outside': 'peer 80',
      'outside to the application': 'pod 15006',
      'outside to the application, IPv6': 'pod 15006',
      'outside to an excluded port': 'pod 15020',
      'application to itself by loopback': 'pod 9080',
      'application to itself by its address': 'pod 9080',
      'Envoy to the pod’s own address': 'pod 15006',
      'agent to the application, past Envoy': 'pod 9080',
      'agent to the application, past Envoy, IPv6': 'pod 9080',
    });
  });

  it('honours excluded ports and ranges', async () => {
    const { addresses } = network;
    expect(await iptables(...sidecarFlags, '-o', '443', '-x', 'fd98::/64')).to.include({ code: 0 });
    expect(await network.dial('pod', addresses.peer, 443, { uid: 1000 })).to.equal('peer 443');
    expect(await network.dial('pod', addresses.peer, 80, { uid: 1000 })).to.equal('pod 15001');
    expect(await network.dial('pod', addresses.peer6, 80, { uid: 1000 })).to.equal('peer 80');
  });

  it('run again changes nothing; with other flags it replaces the rules and keeps those of others', async () => {
    const foreign = ['iptables', '-t', 'nat', '-A', 'OUTPUT', '-p', 'udp', '--dport', '53', '-j', 'RETURN'];
    expect(await network.run('pod', foreign)).to.include({ code: 0 });
    expect(await iptables(...sidecarFlags, '-c', 'eth9')).to.include({ code: 0 });
    const first = await rules();
    const again = await iptables(...sidecarFlags, '-c', 'eth9');
    expect(again.stdout.match(/already in force/g)).to.have.length(2);
    expect(await rules()).to.equal(first);

    expect(await iptables('-i', '10.98.0.0/24', '-b', '9080')).to.include({ code: 0 });
    const second = await rules();
    expect(second.match(/-j ISTIO_OUTPUT$/gm)).to.have.length(2);
    expect(second).to.contain('--dport 9080 -j ISTIO_IN_REDIRECT').and.to.contain('--dport 53 -j RETURN');
    expect(second).not.to.contain('--dport 15090');
  });

  it('every plan is taken by the kernel as planned, TPROXY included, and cleaned up again', async () => {
    const before = await rules();
    const tproxy = [
      ...sidecarFlags,
      '-m',
      'TPROXY',
      '-c',
      'eth1',
      '-k',
      'eth2',
      '--drop-invalid',
      '-q',
      '8080',
      '-o',
      '22',
      '--redirect-dns',
      '--capture-all-dns',
    ];
    const applied = await iptables(...tproxy);
    expect(applied, applied.stdout + applied.stderr).to.include({ code: 0 });
    const again = await iptables(...tproxy, '--run-validation');
    expect(again.stdout).to.contain('redirection validated');
    expect(again.stdout.match(/already in force/g), again.stdout).to.have.length(2);

    const clean = await network.run('pod', [process.execPath, agent, 'istio-clean-iptables', ...tproxy]);
    expect(clean, clean.stdout + clean.stderr).to.include({ code: 0 });
    const after = await rules();
    expect(after).not.to.contain('ISTIO').and.not.to.contain('-A ');
    expect(before).not.to.contain('-A ');
  });

  it('validates by a connection as the proxy user, and fails where nothing redirects', async () => {
    await stops[0]?.();
    stops = stops.slice(1);
    const validate = () =>
      network.run(
        'pod',
        [process.execPath, agent, 'istio-iptables', ...sidecarFlags, '--skip-rule-apply', '--run-validation'],
        1337,
      );
    expect(await validate()).to.include({ code: 126 });
    expect(await iptables(...sidecarFlags)).to.include({ code: 0 });
    expect(await validate()).to.include({ code: 0 });
  });

  it('says what is wrong: a bad flag, and a user without the capabilities', async () => {
    const bad = await iptables('-b', 'http');
    expect(bad.code).to.equal(2);
    expect(bad.stderr).to.contain('--istio-inbound-ports: "http" is not a port');
    const powerless = await network.run('pod', [process.execPath, agent, 'istio-iptables', ...sidecarFlags], 1000);
    expect(powerless.code).to.equal(1);
    expect(powerless.stdout).to.contain('NET_ADMIN');
  });
});
