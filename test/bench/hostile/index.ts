/**
 * How long an endpoint change takes to proxies that behave, alone and while clients misbehave or the cluster holds too much
 * or what is wrong; and what the server, as a process of its own, needs meanwhile. Each case begins with a new server.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensure, proxiesBinary } from '#hack/setup/index.ts';
import { requestCertificate } from '#test/support/istiod.ts';
import type { Benchmark, Measurement } from '../measurement.ts';
import { ScaleMesh, type ScaleSize, serviceAccount } from '../scale/mesh.ts';
import { namespaceOf } from '../scale/objects.ts';
import { prepareOurs } from '../scale/servers.ts';
import { type Disturbance, measureBeside } from './beside.ts';
import { startClients } from './clients.ts';
import { crowdService, writeFaultyRoutes } from './cluster.ts';
import { type Mischief, mischiefs } from './mischief.ts';

const size: ScaleSize = {
  ...{ services: 200, endpointsPerService: 10, namespaces: 10, tcpEvery: 10 },
  ...{ pods: 50, ruled: 0 },
};
const proxies = 50;
const endpoints = 10_000;
const faultyRoutes = 10_000;
const digits = new Intl.NumberFormat('en');

const disturbances: readonly Disturbance[] = [
  { name: 'none', start: async () => ({ stop: async () => undefined }) },
  { name: 'none, over mutual TLS', tls: true, start: async () => ({ stop: async () => undefined }) },
  ...Object.entries<Mischief>(mischiefs).map(
    ([name, { offered, secure }]): Disturbance => ({
      ...{ name, offered, tls: secure },
      async start({ mesh, server, signal }) {
        if (!secure) return startClients(name, { port: server.plainPort, signal });
        const namespace = namespaceOf(0, size);
        const certificate = await requestCertificate(server, await mesh.token(namespace), namespace, serviceAccount);
        return startClients(name, { port: server.securePort, secure: { roots: server.roots, certificate }, signal });
      },
    }),
  ),
  {
    name: `a service with ${digits.format(endpoints)} endpoints, one changed each second`,
    start: ({ mesh, signal }) => crowdService(mesh, endpoints, signal),
  },
  // It leaves its objects there, and is the last.
  {
    name: `${digits.format(faultyRoutes)} faulty VirtualServices`,
    start: ({ mesh, signal }) => writeFaultyRoutes(mesh, faultyRoutes, signal),
  },
];

export const hostile: Benchmark = {
  name: 'hostile',
  describes: 'endpoint changes to 50 proxies that behave, and memory of the server, while others misbehave',
  async run(signal, { repetitions, report }) {
    await ensure(['descriptors', 'apiserver', 'proxies'], signal);
    const program = await proxiesBinary(report, signal);
    const folder = await mkdtemp(join(tmpdir(), 'lateen-bench-hostile-'));
    const start = await prepareOurs(folder);
    report(`making ${size.services} services, ${size.pods} pods`);
    const mesh = await ScaleMesh.start(size, signal);
    const measurements: Measurement[] = [];
    try {
      for (const [at, disturbance] of disturbances.entries()) {
        signal.throwIfAborted();
        report(`beside: ${disturbance.name}`);
        const setting = { mesh, program, proxies, start, changes: repetitions ?? 40, serial: at + 1, signal };
        measurements.push(...(await measureBeside(disturbance, setting)));
      }
    } catch (error) {
      // What was measured before is worth showing, too.
      if (measurements.length === 0) throw error;
      report(`ended early: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await mesh.stop();
      await rm(folder, { recursive: true });
    }
    return measurements;
  },
};
