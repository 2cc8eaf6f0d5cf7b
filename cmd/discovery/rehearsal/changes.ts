/** Before proxies connect: changes to a small mesh of its own, served to clients of its own, as the real ones are going to be. */
import { ServerCredentials } from '@grpc/grpc-js';
import { DeliveryLedger } from '#controllers/index.ts';
import { createMemorySource } from '#registry/index.ts';
import { type Clock, createMetrics, silentLogger } from '#runtime/index.ts';
import { createSnapshotSource } from '#translate/index.ts';
import { createDiscoveryService, createGrpcListener, type DeliveryObserver, type ServedResource } from '#xds/index.ts';
import { createMesh } from '../mesh.ts';
import { alsoTelling } from '../observer.ts';
import { createSourceIndex } from '../source-index.ts';
import { connectClient } from './client.ts';
import { changes, clients, describeSmallMesh, routes } from './mesh.ts';
import { describeNode } from './node.ts';

const REPLICA = 'rehearsal';

export interface ChangeRehearsalOptions {
  readonly clock: Clock;
  /** Makes so many changes of each kind. */
  readonly rounds: number;
}

/**
 * What a change costs a replica that has just started is for the most part code that is not compiled yet, and compiling it.
 * Everything here runs the same functions as the replica's own mesh, so they are compiled for that, too. Resolves with how
 * many changes all clients have acknowledged, when the rounds are over or the signal aborts.
 */
export async function rehearseChanges({ clock, rounds }: ChangeRehearsalOptions, signal: AbortSignal): Promise<number> {
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  const mesh = createMesh('cluster.local', clock);
  const objects = createMemorySource({ ...mesh, edit: (batch) => mesh.builder.edit(batch) });
  objects.apply(describeSmallMesh());
  const snapshots = createSnapshotSource({
    ...mesh,
    clock,
    synced: Promise.resolve(),
    secrets: { mayReadSecrets: () => Promise.resolve(false) },
    onFault: () => undefined,
    onSettled: () => ledger.touch(),
  });
  mesh.onEdited((partial) => snapshots.edited(partial));
  const ledger = new DeliveryLedger<ServedResource>(REPLICA, createSourceIndex(snapshots, mesh.generations));
  const progress = followProgress(ledger, until);
  const discovery = createDiscoveryService({
    ...{ source: snapshots, observer: progress.observer, clock },
    ...{ logger: silentLogger, metrics: createMetrics() },
  });
  const listening = Promise.withResolvers<number>();
  const listener = createGrpcListener({
    name: REPLICA,
    address: '127.0.0.1:0',
    credentials: ServerCredentials.createInsecure(),
    services: [(server, connections) => discovery.register(server, connections)],
    onStop: () => discovery.close(),
    onListening: listening.resolve,
    logger: silentLogger,
  });
  const serving = listener.run(until);
  serving.catch(listening.reject);
  const running = snapshots.run(until);
  let made = 0;
  try {
    const port = await listening.promise;
    const leave = clients.map((client) => connectClient(`127.0.0.1:${port}`, describeNode(client), routes));
    await progress.acknowledged(clients.length, mesh.graph.revision);
    for (let round = 1; round <= rounds && !until.aborted; round += 1) {
      for (const change of changes) {
        change(objects, round);
        await progress.acknowledged(clients.length, mesh.graph.revision);
        if (until.aborted) break;
        ledger.report();
        made += 1;
      }
    }
    for (const one of leave) one();
  } finally {
    over.abort();
    await Promise.all([serving, running]);
  }
  return made;
}

/** Passes everything on, and tells when clients have acknowledged what they are to. */
function followProgress(observer: DeliveryObserver, signal: AbortSignal) {
  const acknowledged = new Map<string, number>();
  let check = (): void => undefined;
  signal.addEventListener('abort', () => check(), { once: true });
  return {
    observer: alsoTelling(observer, {
      acknowledged(connectionId, revision) {
        acknowledged.set(connectionId, revision);
        check();
      },
    }),
    /** Resolves once so many clients are at this revision, or when the signal aborts. */
    acknowledged(count: number, revision: number): Promise<void> {
      return new Promise((resolve) => {
        check = () => {
          const there = [...acknowledged.values()].filter((at) => at >= revision).length;
          if (there >= count || signal.aborted) resolve();
        };
        check();
      });
    },
  };
}
