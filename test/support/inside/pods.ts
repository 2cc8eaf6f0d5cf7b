/**
 * Runs inside a network namespace: the applications of many pods in one process, one HTTP server per address. The parent
 * says which pods live (`PodsCommand`). Every answer names the pod and its application; `?delay=MS` makes it wait first.
 */
import { createSocket } from 'node:dgram';
import { createServer, type Server } from 'node:http';

export interface PodsCommand {
  readonly serial: number;
  readonly action: 'open' | 'kill';
  readonly address: string;
  readonly port: number;
  readonly app: string;
}

export interface PodAnswer {
  readonly app: string;
  readonly pod: string;
}

// A name server that says nothing at all.
if (process.argv.includes('name server')) createSocket('udp4').bind(53, '0.0.0.0');

const servers = new Map<string, Server>();

process.on('message', ({ serial, action, address, port, app }: PodsCommand) => {
  const done = () => process.send?.({ serial });
  const key = `${address}:${port}`;
  if (action === 'kill') {
    const server = servers.get(key);
    servers.delete(key);
    server?.close(done);
    server?.closeAllConnections();
    return;
  }
  const answer: PodAnswer = { app, pod: address };
  const body = JSON.stringify(answer);
  const server = createServer((request, response) => {
    const delay = Number(new URL(request.url ?? '', 'http://pod').searchParams.get('delay') ?? 0);
    if (delay === 0) response.end(body);
    else setTimeout(() => response.end(body), delay);
  });
  // A pod that lives keeps its connections: who closes one is always the proxy.
  server.keepAliveTimeout = 0;
  servers.set(key, server.listen(port, address, done));
});
process.on('disconnect', () => process.exit());
