import type { ServerWritableStream, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { DeliveryReport, DeliveryReports } from '#controllers/index.ts';
import { type Clock, createCoalescer } from '#runtime/core/index.ts';

/**
 * The service through which the lease holder reads every replica's delivery facts: one server stream, JSON reports, a
 * new one after each change of what it says. Served on the secure port; only istiod's own identity may read it.
 */
export const deliveryDefinition = {
  Watch: {
    path: '/lateen.delivery.v1.DeliveryFacts/Watch',
    requestStream: false,
    responseStream: true,
    requestSerialize: (_request: Empty) => Buffer.alloc(0),
    requestDeserialize: (_bytes: Buffer): Empty => ({}),
    responseSerialize: (report: DeliveryReport) => Buffer.from(JSON.stringify(report)),
    responseDeserialize: (bytes: Buffer) => JSON.parse(bytes.toString('utf8')) as DeliveryReport,
  },
} satisfies ServiceDefinition;

export type Empty = Readonly<Record<string, never>>;

/** Whether the caller behind a stream is a replica of this control plane. */
export type ReplicaCheck = (call: ServerWritableStream<Empty, DeliveryReport>) => Promise<boolean>;

/** Changes come in bursts (a push to many proxies): one report tells of all within this time. */
export const reportEveryMs = 100;

/** Serves the ledger. A stream that does not drain gets the newest report when it does, never a backlog. */
export function createDeliveryService(
  ledger: DeliveryReports,
  clock: Clock,
  isReplica: ReplicaCheck,
): UntypedServiceImplementation {
  return {
    Watch: (call: ServerWritableStream<Empty, DeliveryReport>) => {
      isReplica(call).then(
        (allowed) => {
          if (allowed) stream(call, ledger, clock);
          else refuse(call, status.PERMISSION_DENIED, 'delivery facts are for replicas of this control plane');
        },
        () => refuse(call, status.UNAVAILABLE, 'the caller cannot be verified now'),
      );
    },
  };
}

function refuse(call: ServerWritableStream<Empty, DeliveryReport>, code: status, details: string): void {
  call.emit('error', { code, details });
}

function stream(call: ServerWritableStream<Empty, DeliveryReport>, ledger: DeliveryReports, clock: Clock): void {
  const ended = new AbortController();
  let blocked = false;
  let pending = false;
  let sent: DeliveryReport | undefined;
  const send = () => {
    pending = blocked;
    if (blocked) return;
    const report = ledger.report();
    // It is about every user resource there is, and says the same after most changes.
    if (report === sent) return;
    sent = report;
    blocked = !call.write(report);
  };
  const stop = ledger.onChange(createCoalescer(clock, ended.signal, reportEveryMs, send));
  call.on('drain', () => {
    blocked = false;
    if (pending) send();
  });
  call.once('cancelled', () => {
    stop();
    ended.abort();
    call.end();
  });
  if (call.cancelled) call.emit('cancelled');
  else send();
}
