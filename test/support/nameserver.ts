/** A name server in a network namespace, for programs that find it in their /etc/resolv.conf. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NetworkPair } from './netns.ts';

/** IPv4 addresses by name. */
export type Names = Readonly<Record<string, readonly string[]>>;

export interface NameServer {
  /** What it answers from now on. */
  answer(names: Names): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Serves on port 53 of the peer and makes it the resolver of programs that are started in the pod afterwards: `ip netns
 * exec` gives them the files under /etc/netns. Answers live for one second; what it doesn't know doesn't exist.
 */
export async function startNameServer(network: NetworkPair, names: Names): Promise<NameServer> {
  const folder = await mkdtemp(join(tmpdir(), 'lateen-names-'));
  const file = join(folder, 'names.json');
  const answer = (known: Names) => writeFile(file, JSON.stringify(known));
  await answer(names);
  const files = join('/etc/netns', network.pod);
  await mkdir(files, { recursive: true });
  await writeFile(join(files, 'resolv.conf'), `nameserver ${network.addresses.peer}\noptions timeout:1 attempts:5\n`);
  const stopServing = await network.serve('peer', script(file), 0);
  return {
    answer,
    stop: async () => {
      await stopServing();
      await rm(files, { recursive: true });
      await rm(folder, { recursive: true });
    },
  };
}

const script = (file: string) => `
  const { readFileSync } = require('node:fs');
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (query, from) => {
    let at = 12;
    const labels = [];
    while (query[at] !== 0) { labels.push(query.toString('latin1', at + 1, at + 1 + query[at])); at += query[at] + 1; }
    const known = JSON.parse(readFileSync(${JSON.stringify(file)}, 'utf8'))[labels.join('.').toLowerCase()];
    const type = query.readUInt16BE(at + 1);
    const addresses = type === 1 ? known ?? [] : [];
    const head = Buffer.from(query.subarray(0, at + 5));
    head.writeUInt16BE(known === undefined ? 0x8183 : 0x8180, 2);
    head.writeUInt16BE(addresses.length, 6);
    head.writeUInt32BE(0, 8);
    const records = addresses.map((address) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split('.').map(Number)]));
    socket.send(Buffer.concat([head, ...records]), from.port, from.address);
  });
  socket.bind(53, '0.0.0.0', () => console.log('ready'));`;
