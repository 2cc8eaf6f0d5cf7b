import { type ChannelCredentials, Client, type ClientReadableStream } from '@grpc/grpc-js';
import type { DeliveryFacts, DeliveryReport, DeliveryReports } from '#controllers/index.ts';
import { type Clock, createCoalescer, pause, untilAborted } from '#runtime/core/index.ts';
import { deliveryDefinition, type Empty, reportEveryMs } from './delivery-service.ts';

/** Where the other replicas of this revision listen (`host:15012`), kept current by the caller. */
export interface ReplicaAddresses {
  /** Sorted, without this replica's own address. */
  current(): readonly string[];
  onChange(listener: () => void): () => void;
}

export interface DeliveryClientOptions {
  readonly ledger: DeliveryReports;
  readonly addresses: ReplicaAddresses;
  readonly credentials: () => ChannelCredentials;
  /** The DNS name in the replicas' serving certificate. */
  readonly serverName: string;
  readonly clock: Clock;
  /** How long a replica may say nothing before it is asked whether it is there, and may take to answer, in milliseconds. Default: 30 s, 10 s. */
  readonly keepAlive?: { readonly silentMs: number; readonly answerMs: number };
  readonly onTrouble: (address: string, error: Error) => void;
}

const retryMs = 1_000;
/** A replica says nothing for as long as nothing changes, so one that is gone says as much. */
const usualKeepAlive = { silentMs: 30_000, answerMs: 10_000 };

/** A replica that has not answered yet counts as one that knows nothing, so that nothing is claimed too early. */
const unanswered: DeliveryReport = { replica: '', facts: [] };

interface Replica {
  report?: DeliveryReport;
  readonly stop: AbortController;
}

/**
 * Reads the ledgers of all replicas: its own directly, the others over mTLS. A replica that cannot be reached keeps its
 * last report while it is listed; one that is no longer listed is forgotten.
 */
export function createDeliveryClient(options: DeliveryClientOptions): DeliveryFacts {
  return {
    async watch(onReports, signal) {
      const replicas = new Map<string, Replica>();
      const publish = () => {
        const others = [...replicas.values()];
        const reports = others.map((replica) => replica.report ?? unanswered);
        onReports([options.ledger.report(), ...reports]);
      };
      const schedule = createCoalescer(options.clock, signal, reportEveryMs, publish);
      const reconcile = () => {
        const listed = new Set(options.addresses.current());
        for (const [address, replica] of replicas) {
          if (listed.has(address)) continue;
          replica.stop.abort();
          replicas.delete(address);
        }
        for (const address of listed) {
          if (replicas.has(address)) continue;
          const replica: Replica = { stop: new AbortController() };
          replicas.set(address, replica);
          void follow(options, address, AbortSignal.any([signal, replica.stop.signal]), (report) => {
            replica.report = report;
            schedule();
          });
        }
        schedule();
      };
      const stops = [options.ledger.onChange(schedule), options.addresses.onChange(reconcile)];
      reconcile();
      await untilAborted(signal);
      for (const stop of stops) stop();
    },
  };
}

/** Reads one replica's stream, again after each break, until aborted. */
async function follow(
  options: DeliveryClientOptions,
  address: string,
  signal: AbortSignal,
  onReport: (report: DeliveryReport) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await readReplica(options, address, signal, onReport);
    } catch (thrown) {
      if (!signal.aborted) options.onTrouble(address, thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
    await pause(options.clock, retryMs, signal);
  }
}

/** Until the stream breaks, or nobody can prove who asks. */
async function readReplica(
  { credentials, serverName, keepAlive = usualKeepAlive }: DeliveryClientOptions,
  address: string,
  signal: AbortSignal,
  onReport: (report: DeliveryReport) => void,
): Promise<void> {
  const client = new Client(address, credentials(), {
    'grpc.ssl_target_name_override': serverName,
    'grpc.default_authority': serverName,
    // A report is about every user resource there is.
    'grpc.max_receive_message_length': -1,
    'grpc.keepalive_time_ms': keepAlive.silentMs,
    'grpc.keepalive_timeout_ms': keepAlive.answerMs,
  });
  try {
    await readStream(client, signal, onReport);
  } finally {
    client.close();
  }
}

function readStream(client: Client, signal: AbortSignal, onReport: (report: DeliveryReport) => void): Promise<void> {
  const { path, requestSerialize, responseDeserialize } = deliveryDefinition.Watch;
  return new Promise((resolve, reject) => {
    const stream: ClientReadableStream<DeliveryReport> = client.makeServerStreamRequest<Empty, DeliveryReport>(
      path,
      requestSerialize,
      responseDeserialize,
      {},
    );
    const cancel = () => stream.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    stream.on('data', onReport);
    stream.on('error', reject);
    stream.on('end', resolve);
    stream.once('close', () => signal.removeEventListener('abort', cancel));
  });
}
