/**
 * How long a change takes to a proxy that behaves, alone and while others misbehave: on one server in this process, whose
 * clients share its event loop, so the figures are an upper bound.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ENDPOINT_URL, LISTENER_URL, openDelta, sidecarNode } from '#test/support/adsclient.ts';
import { type DiscoveryServer, startDiscovery } from '#test/support/discovery.ts';
import { askWithoutReading } from '#test/support/sleeper.ts';
import { serve } from '#test/support/snapshots.ts';
import type { Benchmark, Measurement } from './measurement.ts';

/** Starts to misbehave; the result ends it. */
type Mischief = (server: DiscoveryServer) => () => Promise<void>;

const listener = (statPrefix: string) =>
  serve('envoy.config.listener.v3.Listener', 'http', { name: 'http', statPrefix });
/** Ten megabytes for each client that asks for clusters. */
const clusters = Array.from({ length: 40 }, (_, at) =>
  serve('envoy.config.cluster.v3.Cluster', `c${at}`, { name: `c${at}`, altStatName: 'x'.repeat(250_000) }),
);

/** Runs an act again and again, this many times a second. */
function repeat(perSecond: number, act: (serial: number) => void): () => Promise<void> {
  let going = true;
  const running = (async () => {
    const started = performance.now();
    for (let serial = 0; going; serial += 1) {
      const ahead = (serial * 1000) / perSecond - (performance.now() - started);
      if (ahead > 1) await sleep(ahead);
      else if (serial % 10 === 0) await sleep(0);
      act(serial);
    }
  })();
  return () => {
    going = false;
    return running;
  };
}

const mischiefs: Readonly<Record<string, Mischief>> = {
  alone: () => async () => undefined,
  'with 1,000 reconnects a second': (server) =>
    repeat(1_000, (serial) => {
      const stream = openDelta(server.port);
      stream.send({ node: sidecarNode(`storm-${serial}`), typeUrl: LISTENER_URL });
      setTimeout(() => stream.close(), 50);
    }),
  'with 10,000 names asked for a second': (server) => {
    const stream = openDelta(server.port);
    stream.send({ node: sidecarNode('curious'), typeUrl: ENDPOINT_URL });
    const names = Array.from({ length: 1_000 }, (_, at) => `invented-${at}`);
    const stop = repeat(10, () => stream.send({ typeUrl: ENDPOINT_URL, resourceNamesSubscribe: names }));
    return async () => {
      await stop();
      stream.close();
    };
  },
  'with 50 clients that never read': (server) => {
    const sleepers = Array.from({ length: 50 }, (_, at) => askWithoutReading(server.port, `sleeper-${at}`));
    return async () => {
      for (const session of sleepers) session.destroy();
    };
  },
  'with 500 requests of garbage a second': (server) =>
    repeat(500, () => {
      const stream = openDelta(server.port);
      stream.sendBytes(Buffer.from('ffffffffff', 'hex'));
      void stream.ended.then(() => stream.close());
    }),
};

export const hostile: Benchmark = {
  name: 'hostile',
  describes: 'a change to a proxy that behaves, while others misbehave',
  async run(signal, setting) {
    const measurements: Measurement[] = [];
    for (const [name, start] of Object.entries(mischiefs)) {
      signal.throwIfAborted();
      const server = await startDiscovery();
      const stop = start(server);
      try {
        const samples = await measure(server, setting.repetitions ?? 50);
        measurements.push({ figure: `change reaches a proxy, ${name}`, unit: 'ms', samples });
        measurements.push({
          figure: `resident memory, ${name}`,
          unit: 'MB',
          samples: [process.memoryUsage.rss() / 2 ** 20],
        });
      } finally {
        await stop();
        await server.stop();
      }
    }
    return measurements;
  },
};

async function measure(server: DiscoveryServer, repetitions: number): Promise<readonly number[]> {
  server.source.publish(...clusters, listener('first'));
  const stream = openDelta(server.port);
  try {
    stream.send({ node: sidecarNode('good'), typeUrl: LISTENER_URL });
    stream.send({ typeUrl: LISTENER_URL, responseNonce: (await stream.next()).nonce });
    const samples: number[] = [];
    for (let round = 0; round < repetitions; round += 1) {
      await sleep(20);
      const started = performance.now();
      server.source.publish(...clusters, listener(`change ${round}`));
      const { nonce } = await stream.next();
      samples.push(performance.now() - started);
      stream.send({ typeUrl: LISTENER_URL, responseNonce: nonce });
    }
    return samples;
  } finally {
    stream.close();
  }
}
