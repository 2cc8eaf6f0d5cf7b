import { expect } from 'chai';
import { createStatusSubjects } from '#cmd/discovery/status-subjects.ts';
import { FakeClock } from '#runtime/core/testing.ts';
import { bookinfo, ingress, ingressProxy, reviewsSplit } from '#test/support/bookinfo.ts';
import { eventually } from '#test/support/eventually.ts';
import { base64, mintKeyPair } from '#test/support/keypair.ts';
import { asking, connect, describeProxy, type Pipeline, startPipeline } from '#test/support/pipeline.ts';

const SWEEP_MS = 60_000;
const SECRET = 'kubernetes://bookinfo-cert';
const gateway = describeProxy({
  ...ingressProxy,
  identity: { trustDomain: 'cluster.local', namespace: 'istio-system', serviceAccount: 'ingress' },
});

describe('a minute after proxies have left', () => {
  let clock: FakeClock;
  let pipeline: Pipeline;

  beforeEach(() => {
    const { certificate, key } = mintKeyPair();
    clock = new FakeClock();
    pipeline = startPipeline({ clock, secrets: { mayReadSecrets: () => Promise.resolve(true) } });
    pipeline.objects.apply(bookinfo + ingress);
    pipeline.objects.apply(reviewsSplit(50, 50));
    pipeline.objects.apply([
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'bookinfo-cert', namespace: 'istio-system' },
        ...{ type: 'kubernetes.io/tls', data: { 'tls.crt': base64(certificate), 'tls.key': base64(key) } },
      },
    ]);
  });

  afterEach(() => pipeline.stop());

  const nodes = () =>
    Object.entries(pipeline.graph.statistics().queries).map(([name, { nodes }]) => [name, nodes] as const);
  const computed = () =>
    Object.values(pipeline.graph.statistics().queries).reduce((sum, query) => sum + query.computed, 0);

  it('what only they needed is forgotten, and nothing that others hold or that status is made of', async () => {
    const { graph, inputs, model, generations } = pipeline;
    const options = {
      graph,
      inputs,
      model,
      generations,
      clusterId: 'Kubernetes',
      onEdited: () => () => undefined,
      clock,
    };
    const subjects = createStatusSubjects(options);
    const stays = await connect(pipeline, gateway);
    stays.watchSecrets(asking(SECRET));
    const secret = await eventually(
      () => stays.secrets().get(SECRET),
      (held) => expect(held).not.to.equal(undefined),
    );
    const said = await subjects.all(new AbortController().signal);
    const before = Object.fromEntries(nodes());

    const leaves = await connect(pipeline, describeProxy({ namespace: 'elsewhere' }));
    expect(Object.fromEntries(nodes())).to.not.deep.equal(before);
    leaves.close();
    const so = computed();
    await clock.advance(SWEEP_MS);
    expect(Object.fromEntries(nodes())).to.deep.equal(before);
    await pipeline.settled();
    expect(await subjects.all(new AbortController().signal)).to.equal(said);
    expect(stays.secrets().get(SECRET)).to.equal(secret);
    expect(computed(), 'nothing was made anew').to.equal(so);
  });
});
