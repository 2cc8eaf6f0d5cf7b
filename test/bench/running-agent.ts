/** An agent that runs with its Envoy on a control plane of given resources. */
import { AgentProcess } from '#test/support/agentprocess.ts';
import { agentEnvironment, agentNodeFlags } from '#test/support/bundle.ts';
import { eventually } from '#test/support/eventually.ts';
import { MeshPeer, peerName } from '#test/support/meshpeer.ts';

export interface AgentSetting {
  /** Path of the agent's bundle. */
  readonly program: string;
  readonly resources: NonNullable<Parameters<typeof MeshPeer.start>[0]['resources']>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Does the work with an agent that is ready; both are gone afterwards. */
export async function withAgent<Result>(
  { program, resources, env = {} }: AgentSetting,
  work: (agent: AgentProcess) => Promise<Result>,
): Promise<Result> {
  const workload = { token: 'token', namespace: 'demo', serviceAccount: 'web' };
  const peer = await MeshPeer.start({ ...workload, resources });
  const agent = await AgentProcess.prepare({
    program,
    nodeFlags: agentNodeFlags,
    env: { ...agentEnvironment, ...env },
    discoveryAddress: `127.0.0.1:${peer.port}`,
    serverName: peerName,
    roots: peer.authority.rootsPem,
    token: workload.token,
  });
  try {
    await agent.start();
    await eventually(
      () => agent.readiness(),
      (status) => {
        if (status !== 200) throw new Error(`readiness answers ${status}`);
      },
    );
    return await work(agent);
  } finally {
    await agent.remove();
    await peer.stop();
  }
}
