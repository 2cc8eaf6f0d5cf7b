import { expect } from 'chai';
import { CLUSTER_URL, openDelta, sidecarNode } from '#test/support/adsclient.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { freePort } from '#test/support/envoy.ts';
import { startIstiod } from '#test/support/istiod.ts';
import { readListeningPorts } from '#test/support/listening.ts';

/** Whether whoever reaches this port is served, without TLS and without an identity. */
async function servesAnybody(port: number): Promise<boolean> {
  const stream = openDelta(port);
  try {
    stream.send({ node: sidecarNode('web'), typeUrl: CLUSTER_URL });
    return await stream.next().then(
      ({ typeUrl }) => typeUrl === CLUSTER_URL,
      () => false,
    );
  } finally {
    stream.close();
  }
}

describe('xDS in plaintext', function () {
  this.timeout(120_000);
  let api: ApiServer;

  before(async () => {
    api = await startApiServer();
    await api.kubectl(['apply', '--server-side', '-k', 'crds']);
    await api.definitionsServed();
    await api.kubectl(['create', 'namespace', 'istio-system']);
  });

  after(() => api?.stop());

  /** The ports of a control plane, and those of them that serve anybody. */
  const findPorts = async (flags: readonly string[]) => {
    const istiod = await startIstiod(api, { flags });
    try {
      const all = await readListeningPorts(istiod.pid);
      expect(all).to.include.members([istiod.securePort, istiod.monitoringPort]);
      const open: number[] = [];
      for (const port of all) if (await servesAnybody(port)) open.push(port);
      return { all, open };
    } finally {
      await istiod.stop();
    }
  };

  it('is not served unless an address is given for it', async () => {
    const { all, open } = await findPorts([]);
    // xDS over TLS, webhooks, metrics, readiness.
    expect(all).to.have.length(4);
    expect(open).to.deep.equal([]);
  });

  it('is served on the address that is given for it', async () => {
    const port = await freePort();
    expect((await findPorts([`--grpc-addr=127.0.0.1:${port}`])).open).to.deep.equal([port]);
  });
});
