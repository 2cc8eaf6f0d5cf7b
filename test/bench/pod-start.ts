/** What a sidecar adds to the time between a pod's creation and its readiness. */
import { sampleNamespace } from '#hack/demo/install.ts';
import { type KubeObject, resources, watchKind } from '#kube/index.ts';
import { LateenError } from '#runtime/core/index.ts';
import type { Benchmark, Mesh } from './measurement.ts';

const patienceMilliseconds = 120_000;

interface Pod extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export const podStart: Benchmark = {
  name: 'pod-start',
  describes: 'a pod from creation to Ready with a sidecar, less the same pod without',
  async run(signal, setting) {
    const mesh = await setting.sample();
    const pairs = setting.repetitions ?? 5;
    const injected: number[] = [];
    const plain: number[] = [];
    for (let pair = 1; pair <= pairs; pair++) {
      // Taking turns in who goes first: a machine gets warmer, or busier.
      const order = pair % 2 === 0 ? [true, false] : [false, true];
      for (const sidecar of order) (sidecar ? injected : plain).push(await startPod(mesh, pair, sidecar, signal));
      setting.report(
        `${pair} of ${pairs}: ${injected.at(-1)?.toFixed(2)} s with, ${plain.at(-1)?.toFixed(2)} s without`,
      );
    }
    const beyond = injected.map((seconds, index) => seconds - (plain[index] ?? Number.NaN));
    return [
      { figure: 'sidecar beyond none', unit: 's', samples: beyond, atMost: 3 },
      { figure: 'with sidecar', unit: 's', samples: injected },
      { figure: 'without sidecar', unit: 's', samples: plain },
    ];
  },
};

/** Seconds from before the pod is created until a watch says that it is Ready. The pod is gone afterwards. */
async function startPod({ client }: Mesh, pair: number, sidecar: boolean, signal: AbortSignal): Promise<number> {
  const name = `start-${pair}-${sidecar ? 'injected' : 'plain'}`;
  const object = { namespace: sampleNamespace, name };
  const ending = new AbortController();
  let readyAt: number | undefined;
  const look = (pod: Pod) => {
    const ready = pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    if (!ready) return;
    readyAt ??= performance.now();
    ending.abort();
  };
  const watch = watchKind<Pod>({
    client,
    resource: resources.pods,
    namespace: sampleNamespace,
    fieldSelector: `metadata.name=${name}`,
    onBatch: (batch) => {
      for (const pod of batch.type === 'replace' ? batch.objects : batch.changes.map((change) => change.object))
        look(pod);
    },
  });
  const stop = AbortSignal.any([ending.signal, signal, AbortSignal.timeout(patienceMilliseconds)]);
  const watching = watch.run(stop);
  try {
    await watch.whenSynced(stop);
    const started = performance.now();
    await client.create(resources.pods, describePod(name, sidecar), signal);
    await watching;
    signal.throwIfAborted();
    if (readyAt === undefined) throw new LateenError('deadline', `pod ${name} is not Ready`);
    return (readyAt - started) / 1000;
  } finally {
    ending.abort();
    await watching;
    await removePod({ client }, object, signal);
  }
}

/** Deletes a pod and waits until its containers have ended, so that they do not disturb the next. */
async function removePod(
  { client }: Pick<Mesh, 'client'>,
  object: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<void> {
  await client.delete(resources.pods, object);
  while (!signal.aborted && (await client.find(resources.pods, object)) !== undefined) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function describePod(name: string, sidecar: boolean) {
  const probe = { httpGet: { path: '/health', port: 9080 }, periodSeconds: 1 };
  return {
    metadata: {
      name,
      namespace: sampleNamespace,
      labels: { app: 'bench-start', 'sidecar.istio.io/inject': String(sidecar) },
    },
    spec: {
      serviceAccountName: 'bookinfo-details',
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'details',
          image: 'localhost/lateen/bookinfo:1',
          imagePullPolicy: 'IfNotPresent',
          args: ['details'],
          ports: [{ containerPort: 9080 }],
          readinessProbe: probe,
        },
      ],
    },
  };
}
