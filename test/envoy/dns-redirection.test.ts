import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { NetworkPair } from '#test/support/netns.ts';

const agent = fileURLToPath(new URL('../../cmd/pilot-agent.ts', import.meta.url));
const proxy = fileURLToPath(new URL('../support/dnsproxy.ts', import.meta.url));
const application = 1000;
const proxyUser = 1337;

const sidecarFlags = [
  '-p',
  '15001',
  '-z',
  '15006',
  '-u',
  '1337',
  '-m',
  'REDIRECT',
  '-i',
  '*',
  '-b',
  '*',
  '--redirect-dns',
];
const otherServer = '10.98.0.3';
const pods = Array.from({ length: 60 }, (_, at) => `10.1.0.${at + 1}`);
const names = {
  'api.example.com': { ips: ['240.240.0.1', '2001:2::1'], registry: 'External' },
  'many.shop.svc.cluster.local': { ips: pods, registry: 'Kubernetes' },
};

/** A server that gives every name the address 192.0.2.1, and says TC over UDP when asked for a text. */
const server = `
  const answer = (query, tcp) => {
    const end = query.indexOf(0, 12) + 5;
    const type = query.readUInt16BE(end - 4);
    const head = Buffer.from(query.subarray(0, end));
    head.writeUInt16BE(type === 16 && !tcp ? 0x8380 : 0x8180, 2);
    head.writeUInt16BE(0, 10);
    const data = type === 1 ? Buffer.of(192, 0, 2, 1) : Buffer.from('\\x05hello', 'latin1');
    if (type !== 1 && !(type === 16 && tcp)) return head;
    head.writeUInt16BE(1, 6);
    return Buffer.concat([head, Buffer.of(0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length), data]);
  };
  let open = 6;
  const ready = () => { if (--open === 0) console.log('ready'); };
  for (const [type, address] of [['udp4', '10.98.0.2'], ['udp4', '${otherServer}'], ['udp6', 'fd98::2']]) {
    const socket = require('node:dgram').createSocket(type);
    socket.on('message', (query, from) => socket.send(answer(query, false), from.port, from.address));
    socket.bind(53, address, ready);
    require('node:net').createServer((connection) => {
      connection.on('error', () => connection.destroy());
      connection.on('data', (frame) => {
        const reply = answer(frame.subarray(2), true);
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        connection.write(Buffer.concat([length, reply]));
      });
    }).listen(53, address, ready);
  }`;

describe('redirection of DNS in a real network namespace', function () {
  this.timeout(60_000);
  let network: NetworkPair;
  let folder: string;
  let stops: (() => Promise<void>)[] = [];

  before(async () => {
    network = await NetworkPair.create();
    folder = await mkdtemp(join(tmpdir(), 'lateen-dns-'));
    await chmod(folder, 0o755);
    const resolvConf = join(folder, 'resolv.conf');
    await writeFile(resolvConf, 'nameserver 10.98.0.2\nnameserver fd98::2\nsearch shop.svc.cluster.local\n');
    await network.run('peer', ['sysctl', '-q', '-w', 'net.ipv4.ip_unprivileged_port_start=0']);
    await network.run('peer', ['ip', 'address', 'add', `${otherServer}/24`, 'dev', 'eth0']);
    stops = [await network.serve('peer', server)];
    const environment = ['env', `RESOLV_CONF_PATH=${resolvConf}`];
    const applied = await network.run('pod', [
      ...environment,
      process.execPath,
      agent,
      'istio-iptables',
      ...sidecarFlags,
    ]);
    expect(applied, applied.stdout + applied.stderr).to.include({ code: 0 });
    const served = [process.execPath, proxy, resolvConf, JSON.stringify(names)];
    stops.push(await network.start('pod', served, proxyUser));
  });

  after(async () => {
    for (const stop of stops) await stop();
    await network.remove();
    await rm(folder, { recursive: true });
  });

  /** What a program in the pod gets from this server: `resolve4`, `resolve6` or `resolveTxt` of a name. */
  const ask = async (host: string, method: string, name: string, uid = application) => {
    const script = `
      const client = new (require('node:dns').promises.Resolver)({ timeout: 5000, tries: 2 });
      client.setServers([${JSON.stringify(host)}]);
      client[${JSON.stringify(method)}](${JSON.stringify(name)}).then(
        (result) => console.log(result.flat().sort().join()),
        (error) => console.log(error.code));`;
    return (await network.run('pod', [process.execPath, '-e', script], uid)).stdout.trim();
  };

  it('brings the application’s queries to the agent, which answers in the name of the server that was asked', async () => {
    const { peer, peer6 } = network.addresses;
    expect(await ask(peer, 'resolve4', 'api.example.com')).to.equal('240.240.0.1');
    expect(await ask(`[${peer6}]`, 'resolve6', 'api.example.com')).to.equal('2001:2::1');
    expect(await ask(peer, 'resolve4', 'api.example.com.shop.svc.cluster.local')).to.equal('240.240.0.1');
  });

  it('brings them over TCP too, when an answer is too long for UDP', async () => {
    const { peer, peer6 } = network.addresses;
    for (const host of [peer, `[${peer6}]`])
      expect(await ask(host, 'resolve4', 'many.shop'), host).to.equal([...pods].sort().join());
  });

  it('lets the agent’s own queries out, so that what only the server knows is answered and nothing goes in circles', async () => {
    const { peer, peer6 } = network.addresses;
    expect(await ask(peer, 'resolve4', 'elsewhere.example')).to.equal('192.0.2.1');
    expect(await ask(`[${peer6}]`, 'resolve4', 'elsewhere.example')).to.equal('192.0.2.1');
    expect(await ask(peer, 'resolveTxt', 'elsewhere.example')).to.equal('hello');
    expect(await ask(peer, 'resolve4', 'api.example.com', proxyUser)).to.equal('192.0.2.1');
  });

  it('leaves servers alone that the pod was not given', async () => {
    expect(await ask(otherServer, 'resolve4', 'api.example.com')).to.equal('192.0.2.1');
  });
});
