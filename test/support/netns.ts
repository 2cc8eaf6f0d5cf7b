/** Two network namespaces with a cable between them: a pod and somebody it talks to. Needs root. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; how it ended is the answer, not an exception. */
export function runProgram(program: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}

async function must(program: string, ...args: readonly string[]): Promise<string> {
  const outcome = await runProgram(program, args);
  if (outcome.code !== 0) throw new Error(`${program} ${args.join(' ')}: ${outcome.stderr}`);
  return outcome.stdout;
}

export class NetworkPair {
  readonly pod: string;
  readonly peer: string;
  readonly addresses = { pod: '10.98.0.1', peer: '10.98.0.2', pod6: 'fd98::1', peer6: 'fd98::2' } as const;

  /** Names the pair to another process; see `named`. */
  readonly suffix: string;

  private constructor(suffix: string) {
    this.suffix = suffix;
    this.pod = `lateen-pod-${suffix}`;
    this.peer = `lateen-peer-${suffix}`;
  }

  static async create(): Promise<NetworkPair> {
    const suffix = randomBytes(3).toString('hex');
    const pair = new NetworkPair(suffix);
    for (const name of [pair.pod, pair.peer]) {
      await must('ip', 'netns', 'add', name);
      await must('ip', '-n', name, 'link', 'set', 'lo', 'up');
    }
    const { addresses } = pair;
    await must('ip', '-n', pair.pod, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pair.peer);
    for (const [name, v4, v6] of [
      [pair.pod, addresses.pod, addresses.pod6],
      [pair.peer, addresses.peer, addresses.peer6],
    ] as const) {
      await must('ip', '-n', name, 'address', 'add', `${v4}/24`, 'dev', 'eth0');
      await must('ip', '-n', name, 'address', 'add', `${v6}/64`, 'dev', 'eth0', 'nodad');
      await must('ip', '-n', name, 'link', 'set', 'eth0', 'up');
    }
    return pair;
  }

  /** A pair that another process has created and will remove. */
  static named(suffix: string): NetworkPair {
    return new NetworkPair(suffix);
  }

  /** Gives the peer a further address. */
  async addPeerAddress(address: string): Promise<void> {
    await must('ip', '-n', this.peer, 'address', 'add', `${address}/24`, 'dev', 'eth0');
  }

  /** Runs a program inside; `uid` also becomes the group. */
  run(inside: 'pod' | 'peer', args: readonly string[], uid = 0): Promise<Outcome> {
    const [program = '', ...before] = this.command(inside, uid);
    return runProgram(program, [...before, ...args]);
  }

  /** The command that runs what follows it inside. */
  command(inside: 'pod' | 'peer', uid = 0): readonly string[] {
    const as = uid === 0 ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
    return ['ip', 'netns', 'exec', this[inside], ...as];
  }

  /** Runs a script of Node's that prints a line once it serves; the result stops it. */
  serve(inside: 'pod' | 'peer', script: string, uid = 1000): Promise<() => Promise<void>> {
    return this.start(inside, [process.execPath, '-e', script], uid);
  }

  /** Starts a program that prints a line once it serves; the result stops it. */
  async start(inside: 'pod' | 'peer', args: readonly string[], uid: number): Promise<() => Promise<void>> {
    const [program = '', ...before] = this.command(inside, uid);
    const child = spawn(program, [...before, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`the program ended with code ${code}`)));
    });
    return async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    };
  }

  /** Servers that answer every connection with their port; the result stops them. */
  async listen(inside: 'pod' | 'peer', ports: readonly number[]): Promise<() => Promise<void>> {
    const script = `
      const ports = ${JSON.stringify(ports)};
      let open = ports.length;
      for (const port of ports) require('node:net').createServer((socket) => {
        socket.on('error', () => socket.destroy());
        socket.end('${inside} ' + port);
      }).listen(port, '::', () => { if (--open === 0) console.log('ready'); });`;
    const child = spawn('ip', ['netns', 'exec', this[inside], process.execPath, '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`listener ended with code ${code}`)));
    });
    return async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    };
  }

  /** Who answers a connection: `pod 15001`, or what went wrong. */
  async dial(
    inside: 'pod' | 'peer',
    host: string,
    port: number,
    options: { uid?: number; from?: string } = {},
  ): Promise<string> {
    const connection = { host, port, timeout: 3000, ...(options.from ? { localAddress: options.from } : {}) };
    const script = `
      const socket = require('node:net').connect(${JSON.stringify(connection)});
      socket.on('data', (data) => process.stdout.write(data));
      socket.on('timeout', () => socket.destroy(new Error('timeout')));
      socket.on('error', (error) => process.stdout.write(error.code ?? error.message));`;
    return (await this.run(inside, [process.execPath, '-e', script], options.uid ?? 0)).stdout;
  }

  /** Makes programs that start inside from now on ask this server for names (ip-netns(8), `/etc/netns`). */
  async useResolver(inside: 'pod' | 'peer', address: string): Promise<void> {
    const folder = namespaceFiles(this[inside]);
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/resolv.conf`, `nameserver ${address}\n`);
  }

  /** Makes programs that start inside from now on know a name without asking a server (`/etc/netns`). */
  async useHost(inside: 'pod' | 'peer', name: string, address: string): Promise<void> {
    const folder = namespaceFiles(this[inside]);
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/hosts`, `127.0.0.1 localhost\n${address} ${name}\n`);
  }

  async remove(): Promise<void> {
    for (const name of [this.pod, this.peer]) {
      await must('ip', 'netns', 'delete', name);
      await rm(namespaceFiles(name), { recursive: true, force: true });
    }
  }
}

const namespaceFiles = (name: string) => `/etc/netns/${name}`;
