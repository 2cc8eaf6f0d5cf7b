/** What an application in a pair of network namespaces does: it is redirected to its proxy, and it asks. */
import { fileURLToPath } from 'node:url';
import { pod } from './bookinfo.ts';
import type { RunningEnvoy } from './envoy.ts';
import type { MeshNetwork } from './meshnetwork.ts';
import type { NetworkPair } from './netns.ts';

const agent = fileURLToPath(new URL('../../cmd/pilot-agent.ts', import.meta.url));

/** Redirects a pod's traffic to a proxy of uid 1337 as injection does, and sends everything else to the other side. */
export async function redirectPod(network: NetworkPair, inside: 'pod' | 'peer' = 'pod'): Promise<void> {
  const commands = [
    [
      ...[process.execPath, agent, 'istio-iptables', '-p', '15001', '-z', '15006', '-u', '1337', '-m', 'REDIRECT'],
      ...['-i', '*', '-x', '', '-b', '*', '-d', '15090,15021,15020', '--log_output_level=default:info'],
    ],
    ['ip', 'route', 'add', 'default', 'dev', 'eth0'],
  ];
  for (const command of commands) {
    const { code, stdout, stderr } = await network.run(inside, command);
    if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr}${stdout}`);
  }
}

/** The sidecar of `client`, an application of Bookinfo in the pod, to which the pod's traffic is redirected. */
export async function startClient(mesh: MeshNetwork, network: NetworkPair): Promise<RunningEnvoy> {
  const ip = network.addresses.pod;
  const [app, version] = ['client', 'v1'];
  await redirectPod(network);
  mesh.pipeline.objects.apply(pod({ app, version, ip }));
  return mesh.startProxy({
    ...{ type: 'sidecar', pod: 'client-v1-0', namespace: 'bookinfo', serviceAccount: 'bookinfo-client', ip },
    ...{ labels: { app, version }, within: network.command('pod', 1337) },
  });
}

/**
 * The answer to a request from inside, its body's fields where that is JSON; status 0 when there was none within 5 s.
 * @param options of Node's `request`
 */
export async function askFrom<Body extends object>(
  network: NetworkPair,
  inside: 'pod' | 'peer',
  url: string,
  options: object = {},
): Promise<{ readonly status: number } & Partial<Body>> {
  const script = `
    const options = { timeout: 5000, agent: false, ...${JSON.stringify(options)} };
    const { get } = require(${JSON.stringify(url.startsWith('https:') ? 'node:https' : 'node:http')});
    const request = get(${JSON.stringify(url)}, options, (response) => {
      let body = '';
      response.on('data', (chunk) => { body += chunk; });
      response.on('end', () => console.log(JSON.stringify({ status: response.statusCode, body })));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', () => console.log(JSON.stringify({ status: 0, body: '' })));`;
  const { stdout } = await network.run(inside, [process.execPath, '-e', script], 1000);
  const { status, body } = JSON.parse(stdout) as { status: number; body: string };
  const fields: Partial<Body> = body.startsWith('{') ? JSON.parse(body) : {};
  return { status, ...fields };
}
