/** What clients do that misbehave, each on streams of its own, until their process ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import {
  CLUSTER_URL,
  type DeltaStream,
  ENDPOINT_URL,
  LISTENER_URL,
  openDelta,
  sidecarNode,
} from '#test/support/adsclient.ts';
import { istiodName, type WorkloadCertificate } from '#test/support/istiod.ts';
import { askWithoutReading, type Sleeper } from '#test/support/sleeper.ts';
import { encode } from '#wire/index.ts';
import { askBriefly, connectWithoutStream, type SecureEnd } from './brief-stream.ts';

/** What clients that come over TLS are given. */
export interface SecureClient {
  /** PEM of the mesh's root. */
  readonly roots: string;
  readonly certificate: WorkloadCertificate;
}

export interface Mischief {
  /** Acts a second that are tried, where it is something that is done again and again. */
  readonly offered?: number;
  /** It comes over TLS, and so do the proxies that behave. */
  readonly secure?: true;
  /** Begins it against the server at a port; `done` is told of every act. */
  begin(port: number, done: () => void, secure?: SecureClient): void;
}

/** Longest that an answer is waited for, in milliseconds. */
const patience = 2_000;

const node = (pod: string) => sidecarNode(pod, 'ns0');

export const mischiefs = {
  '1,000 reconnects a second': {
    offered: 1_000,
    begin: reconnect,
  },
  '1,000 reconnects a second over mutual TLS': { offered: 1_000, secure: true, begin: reconnect },
  '3,000 connections without a stream, opened anew when they are closed': {
    secure: true,
    begin(port, done, client) {
      const anonymous = trust(client, false);
      const open = (): void =>
        connectWithoutStream(port, anonymous, done, () => void setTimeout(open, 1_000 * Math.random()));
      repeat(1_000, (serial) => {
        if (serial < 3_000) open();
      });
    },
  },
  '500 requests a second for types that nobody serves': {
    offered: 500,
    begin(port, done) {
      repeat(500, (serial) => {
        const stream = openDelta(port);
        stream.send({ node: node('explorer'), typeUrl: `type.googleapis.com/invented.Type${serial}` });
        leaveOnceAnswered(stream, done);
      });
    },
  },
  '500 malformed requests a second': {
    offered: 500,
    begin(port, done) {
      repeat(500, () => {
        const stream = openDelta(port);
        stream.sendBytes(Buffer.from('ffffffffff', 'hex'));
        leaveOnceAnswered(stream, done);
      });
    },
  },
  '1,000 replayed nonces a second': {
    offered: 1_000,
    begin(port, done) {
      const stream = openDelta(port);
      stream.send({ node: node('replayer'), typeUrl: LISTENER_URL });
      void stream.next().then(({ nonce: first = '' }) =>
        repeat(1_000, (serial) => {
          const refusal = { responseNonce: `${serial}`, errorDetail: { code: 3, message: 'no' } };
          stream.send({ typeUrl: LISTENER_URL, ...(serial % 2 === 0 ? { responseNonce: first } : refusal) });
          done();
        }),
      );
    },
  },
  '20 streams a second with 1,000 invented versions': {
    offered: 20,
    begin(port, done) {
      const versions = Object.fromEntries(invent(0).map((name) => [name, 'invented']));
      repeat(20, (serial) => {
        const stream = openDelta(port);
        stream.send({ node: node(`liar-${serial}`), typeUrl: CLUSTER_URL, initialResourceVersions: versions });
        leaveOnceAnswered(stream, done);
      });
    },
  },
  '10,000 names on one stream, asked for again each second': {
    offered: 10,
    begin(port, done) {
      const stream = openDelta(port);
      const parts = Array.from({ length: 10 }, (_, part) => invent(part * 1_000));
      stream.send({ node: node('curious'), typeUrl: ENDPOINT_URL });
      void acknowledge(stream, ENDPOINT_URL);
      repeat(10, (serial) => {
        stream.send({ typeUrl: ENDPOINT_URL, resourceNamesSubscribe: parts[serial % parts.length] ?? [] });
        done();
      });
    },
  },
  'a stream that names as much as it may, and there is none of it': {
    begin(port, done) {
      const stream = openDelta(port);
      const held = Object.fromEntries(invent(0, 60_000).map((name) => [name, 'invented']));
      stream.send({ node: node('boaster'), typeUrl: CLUSTER_URL, initialResourceVersions: held });
      stream.send({ typeUrl: ENDPOINT_URL, resourceNamesSubscribe: invent(0, 36_000) });
      void acknowledge(stream, ENDPOINT_URL, done);
    },
  },
  // All clusters of 200 services are a quarter of a megabyte: twice of what the process may have on the way.
  '500 clients that never read, and come again': {
    begin(port, done) {
      for (let at = 0; at < 500; at += 1) neverRead(port, `sleeper-${at}`, done);
    },
  },
  '500 that never read, and acknowledge what they guess twice a second': {
    begin(port, done) {
      const sleepers = new Map<number, Sleeper>();
      for (let at = 0; at < 500; at += 1)
        neverRead(port, `guesser-${at}`, done, (sleeper) => void sleepers.set(at, sleeper));
      repeat(1_000, (serial) => {
        const sleeper = sleepers.get(serial % 500);
        if (sleeper?.isClosed !== false) return;
        const responseNonce = `${1 + Math.floor(serial / 500)}`;
        sleeper.send({ typeUrl: CLUSTER_URL, responseNonce, resourceNamesUnsubscribe: ['*'] });
        sleeper.send({ typeUrl: CLUSTER_URL, resourceNamesSubscribe: ['*'] });
      });
    },
  },
} as const satisfies Readonly<Record<string, Mischief>>;

function reconnect(port: number, done: () => void, client?: SecureClient): void {
  const secure = client === undefined ? undefined : trust(client, true);
  repeat(1_000, (serial) => {
    const request = { node: node(`storm-${serial}`), typeUrl: LISTENER_URL };
    const bytes = encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', request);
    void askBriefly(port, bytes, patience, secure).then((answered) => {
      if (answered) done();
    });
  });
}

/** A client's end of TLS, which trusts the mesh's root and may show who it is. */
function trust(client: SecureClient | undefined, shows: boolean): SecureEnd {
  if (client === undefined) throw new TypeError('there is nothing to be trusted');
  const { roots, certificate } = client;
  const shown = shows ? { cert: certificate.chain, key: certificate.key } : {};
  return { context: createSecureContext({ ca: roots, ...shown }), serverName: istiodName };
}

/** Asks for all clusters and reads nothing, again whenever the server has cut it off. `done` is told of each connection. */
function neverRead(port: number, pod: string, done: () => void, opened: (sleeper: Sleeper) => void = () => undefined) {
  const sleeper = askWithoutReading(port, pod, 'ns0');
  sleeper.session.once('connect', done);
  sleeper.session.once('close', () => setTimeout(() => neverRead(port, pod, done, opened), 100));
  opened(sleeper);
}

/** Acts this many times a second, and the sooner again after having been late. */
function repeat(perSecond: number, act: (serial: number) => void): void {
  void (async () => {
    const started = performance.now();
    for (let serial = 0; ; serial += 1) {
      const ahead = (serial * 1000) / perSecond - (performance.now() - started);
      if (ahead > 1) await sleep(ahead);
      else if (serial % 10 === 0) await sleep(0);
      act(serial);
    }
  })();
}

/** Names of clusters and assignments that there are none of. */
function invent(from: number, count = 1_000): readonly string[] {
  return Array.from({ length: count }, (_, at) => `outbound|80||invented-${from + at}.ns0.svc.cluster.local`);
}

/** Ends a stream with its first response, or as soon as the server ends it. */
function leaveOnceAnswered(stream: DeltaStream, done: () => void): void {
  const late = setTimeout(() => stream.close(), patience);
  // It rejects when the server ends the stream, which is an answer too.
  void stream
    .next()
    .catch(() => undefined)
    .then(() => {
      clearTimeout(late);
      stream.close();
      done();
    });
}

/** Answers what it is sent of one type, and nothing else. */
async function acknowledge(stream: DeltaStream, typeUrl: string, done: () => void = () => undefined): Promise<void> {
  for (;;) {
    const response = await stream.next();
    if (response.typeUrl !== typeUrl) continue;
    stream.send({ typeUrl, responseNonce: response.nonce });
    done();
  }
}
