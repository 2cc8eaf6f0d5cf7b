import { Resolver } from 'node:dns/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { chooseLoopback } from '#agent/dns/testing/upstream.ts';
import { AgentProcess } from '#test/support/agentprocess.ts';
import { agentEnvironment, agentNodeFlags, buildAgentBundle } from '#test/support/bundle.ts';
import { buildEchoListener } from '#test/support/echolistener.ts';
import { eventually } from '#test/support/eventually.ts';
import { readMemory } from '#test/support/memory.ts';
import { MeshPeer } from '#test/support/meshpeer.ts';
import { addressOf, buildNameTables, hostnameOf } from '#test/support/nametable.ts';

const workload = { token: 'token-of-web', namespace: 'demo', serviceAccount: 'web' };
const nameTable = 'istio.networking.nds.v1.NameTable';

describe('the agent with captured DNS', () => {
  let folder: string;
  let program: string;
  let peer: MeshPeer;
  let agent: AgentProcess;
  let address: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-bundle-'));
    program = (await buildAgentBundle(folder)).path;
  });

  after(() => rm(folder, { recursive: true }));

  afterEach(async () => {
    await agent.remove();
    await peer.stop();
  });

  const start = async (names: number, more: Partial<Parameters<typeof MeshPeer.start>[0]> = {}): Promise<void> => {
    address = chooseLoopback();
    const resources = {
      'envoy.config.listener.v3.Listener': [await buildEchoListener()],
      [nameTable]: buildNameTables(names),
    };
    peer = await MeshPeer.start({ ...workload, resources, ...more });
    agent = await AgentProcess.prepare({
      program,
      ...peer.access,
      nodeFlags: agentNodeFlags,
      env: { ...agentEnvironment, ISTIO_META_DNS_CAPTURE: 'true', DNS_PROXY_ADDR: `${address}:15053` },
    });
    await agent.start();
  };

  it('answers from the table of its control plane, under the workload’s identity, and counts what it does', async () => {
    await start(100);
    await agent.untilReady();
    const client = new Resolver({ timeout: 5_000, tries: 1 });
    client.setServers([`${address}:15053`]);
    expect(await client.resolve4(hostnameOf(7))).to.deep.equal([addressOf(7)]);
    expect(await client.resolve4('service-42.namespace-2')).to.deep.equal([addressOf(42)]);
    expect(peer.rejections).to.deep.equal([]);
    expect(new Set(peer.identities)).to.deep.equal(new Set(['URI:spiffe://cluster.local/ns/demo/sa/web']));
    const generators = peer.nodes.map((node) => node.metadata?.fields?.GENERATOR?.stringValue ?? '');
    expect(generators.sort()).to.deep.equal(['', 'agent']);
    const metrics = await (await agent.get(agent.ports.status, '/stats/prometheus')).text();
    expect(metrics).to.contain('istio_agent_dns_requests_total 2\n').and.to.contain('istio_agent_dns_names 100\n');
  });

  it('is not ready, and says why, before it knows what there is', async () => {
    await start(0, { unanswered: [nameTable] });
    const reason = () =>
      agent.get(agent.ports.status, '/healthz/ready').then(
        (response) => response.text(),
        () => 'nobody listens yet',
      );
    await eventually(reason, (text) => expect(text).to.contain('no name table yet'));
    expect(await agent.readiness()).to.equal(503);
  });

  it('stays within its memory with a thousand names', async () => {
    await start(1000);
    await agent.untilReady();
    await eventually(
      () => readMemory(agent.pid),
      (memory) => {
        expect(memory.rss / 2 ** 20, 'RSS in MB').to.be.below(60);
        expect(memory.private / 2 ** 20, 'private in MB').to.be.below(16);
      },
    );
  });
});
