import { expect } from 'chai';
import { createStatusReadings } from '#cmd/discovery/stored-status.ts';
import { createStatusController, type DeliveryReport, type StatusSubject } from '#controllers/index.ts';
import { createKubeClient, createKubeconfigConnection, type KubeClient, KubeError, watchKind } from '#kube/index.ts';
import { silentLogger, systemClock } from '#runtime/index.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { eventually } from '#test/support/eventually.ts';

const route = (weight: number) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}, weight: ${weight}}]}]}
`;

describe('the status controller on an API server', function () {
  this.timeout(120_000);
  let server: ApiServer;
  let client: KubeClient;
  /** Its lists are not counted. */
  let reader: KubeClient;
  let writes = 0;
  /** What the next writes fail with. */
  const writeFaults: KubeError[] = [];
  /** Page sizes of the lists that were asked for. */
  const lists: (number | undefined)[] = [];
  const stopping = new AbortController();
  let running: Promise<unknown>;
  let subject: StatusSubject | undefined;
  /** Looked at after it. */
  let behind: readonly StatusSubject[] = [];
  let edited = (): void => undefined;
  let report = (_reports: readonly DeliveryReport[]): void => undefined;

  const read = async () => JSON.parse(await server.kubectl(['get', 'virtualservice', 'reviews', '-o', 'json']));
  const programmed = async () => {
    const { status, metadata } = await read();
    const found = status?.conditions?.find((condition: { type: string }) => condition.type === 'Programmed');
    return found?.observedGeneration === metadata.generation ? `${found.status}/${found.reason}` : undefined;
  };
  const untilProgrammed = (wanted: string) => eventually(programmed, (found) => expect(found).to.equal(wanted));
  /** Changes the resource, as the control plane would see it. */
  const change = async (weight: number): Promise<StatusSubject> => {
    await server.kubectl(['apply', '--server-side', '-f', '-'], route(weight));
    const { uid, generation } = (await read()).metadata;
    return {
      ...{ key: 'c/VirtualService/default/reviews', kind: 'VirtualService', namespace: 'default', name: 'reviews' },
      ...{ uid, generation, honoured: true, errors: [], warnings: [], lastValidInForce: false, conflicts: [] },
    };
  };
  const delivered = ({ key, uid, generation }: StatusSubject, acknowledged: number): readonly DeliveryReport[] => [
    { replica: 'one', facts: [{ source: key, uid, generation, affected: 2, acknowledged, waitingFor: [] }] },
  ];

  before(async () => {
    server = await startApiServer();
    await server.kubectl(['apply', '--server-side', '-k', 'crds']);
    await server.definitionsServed();
    client = createKubeClient(createKubeconfigConnection({ path: server.kubeconfig }));
    const write: KubeClient['applyStatus'] = client.applyStatus.bind(client);
    client.applyStatus = (...parameters) => {
      const fault = writeFaults.shift();
      if (fault !== undefined) return Promise.reject(fault);
      writes += 1;
      return write(...parameters);
    };
    // The list fails as it does while an API server restarts, and as one that has outlived the server's memory.
    const faults = [
      new KubeError('unavailable', 'restarting'),
      new KubeError('conflict', 'forgotten', { httpStatus: 410 }),
    ];
    const list: KubeClient['readPages'] = client.readPages.bind(client);
    client.readPages = (resource, pages, onPage) => {
      lists.push(pages.pageSize);
      const fault = faults.shift();
      return fault === undefined ? list(resource, pages, onPage) : Promise.reject(fault);
    };
    subject = await change(1);
    const watched = Promise.withResolvers<void>();
    const stored = createStatusReadings('c');
    const group = { group: 'networking.istio.io', version: 'v1' };
    reader = createKubeClient(createKubeconfigConnection({ path: server.kubeconfig }));
    const watch = watchKind({
      client: reader,
      resource: { ...group, plural: 'virtualservices', kind: 'VirtualService', namespaced: true },
      onBatch: (batch) => {
        const found = batch.type === 'replace' ? batch.objects : batch.changes.map(({ object }) => object);
        for (const object of found) stored.note('VirtualService', object);
      },
    });
    const controller = createStatusController({
      client,
      subjects: {
        all: async () => (subject === undefined ? [] : [subject, ...behind]),
        find: () => subject,
        onChange: (listener) => {
          edited = listener;
          return () => undefined;
        },
      },
      stored,
      delivery: {
        watch: async (onReports, signal) => {
          report = onReports;
          watched.resolve();
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        },
      },
      ...{ revision: 'default', clock: systemClock, random: Math.random, logger: silentLogger },
    });
    running = Promise.all([controller.run(stopping.signal), watch.run(stopping.signal)]);
    await watch.whenSynced();
    await Promise.race([watched.promise, running]);
  });

  after(async () => {
    stopping.abort();
    try {
      await running;
    } finally {
      await client.close();
      await reader.close();
      await server.stop();
    }
  });

  it('reads what stands as often as it takes, in one piece where the server forgets its lists', () => {
    expect(lists).to.deep.equal([undefined, undefined, 0]);
  });

  it('says at once what a report tells of an edit that came just before', async () => {
    subject = await change(1);
    edited();
    report(delivered(subject, 2));
    await untilProgrammed('True/Programmed');
    expect(writes).to.equal(1);
  });

  it('is left alone by proxies that come and go, and follows the next edit without a report as well', async () => {
    const before = subject;
    if (before !== undefined) report(delivered(before, 1));
    subject = await change(2);
    edited();
    await untilProgrammed('False/Pending');
    expect(writes).to.equal(2);
    report(delivered(subject, 2));
    await untilProgrammed('True/Programmed');
    expect(writes).to.equal(3);
  });

  it('says what a proxy refuses, also of what was programmed', async () => {
    if (subject === undefined) throw new Error('there is no subject');
    const rejection = { proxy: 'web.default', message: 'no such thing' };
    const [given] = delivered(subject, 1);
    report(given === undefined ? [] : [{ ...given, facts: given.facts.map((fact) => ({ ...fact, rejection })) }]);
    await untilProgrammed('False/EnvoyRejected');
    expect(writes).to.equal(4);
  });

  it('is written again where the write met those of others', async () => {
    writeFaults.push(new KubeError('conflict', 'the object has been modified', { httpStatus: 409 }));
    subject = await change(3);
    report(delivered(subject, 2));
    await untilProgrammed('True/Programmed');
    expect(writes).to.equal(5);
  });

  it('is put back where another writer takes it away or changes it, as it was', async () => {
    const { conditions, observedGeneration } = (await read()).status;
    const patch = async (operations: readonly object[]) => {
      const resource = ['virtualservice', 'reviews', '--subresource=status', '--type=json'];
      await server.kubectl(['patch', ...resource, '--patch', JSON.stringify(operations)]);
    };
    const before = writes;
    await patch([{ op: 'remove', path: '/status/conditions' }]);
    const again = () =>
      eventually(read, ({ status }) => expect(status).to.deep.equal({ conditions, observedGeneration }));
    await again();
    expect(writes).to.equal(before + 1);
    const at = conditions.findIndex(({ type }: { type: string }) => type === 'Programmed');
    await patch([{ op: 'replace', path: `/status/conditions/${at}/status`, value: 'False' }]);
    await again();
    expect(writes).to.equal(before + 2);
  });

  it('is not written again for what others write beside it', async () => {
    const before = writes;
    const other = { type: 'example.com/Seen', status: 'True', reason: 'Seen', message: 'seen' };
    const condition = { ...other, observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' };
    const resource = ['virtualservice', 'reviews', '--subresource=status', '--type=json'];
    const add = [{ op: 'add', path: '/status/conditions/-', value: condition }];
    await server.kubectl(['patch', ...resource, '--patch', JSON.stringify(add)]);
    subject = await change(4);
    report(delivered(subject, 2));
    await untilProgrammed('True/Programmed');
    expect(writes, 'the edit alone').to.equal(before + 1);
    expect((await read()).status.conditions.map(({ type }: { type: string }) => type)).to.include(other.type);
  });

  it('follows a report that comes while others are looked at', async () => {
    const present = await change(5);
    let reported = false;
    const other = {
      ...present,
      get key() {
        if (!reported) report(delivered(present, 2));
        reported = true;
        return present.key;
      },
    };
    subject = present;
    behind = [other];
    report(delivered(present, 1));
    await untilProgrammed('True/Programmed');
    behind = [];
  });
});
