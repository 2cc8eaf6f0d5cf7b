/** Pods beyond a pair of network namespaces: each has a namespace of its own behind the peer, which forwards. Needs root. */
import { applyPlan, type RunProgram, runProgram } from '#agent/iptables/apply.ts';
import { planRules } from '#agent/iptables/plan.ts';
import { defaultRedirectSettings } from '#agent/iptables/settings.ts';
import type { NetworkPair } from './netns.ts';

const nothing = () => undefined;
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** One network namespace, by name. */
class Namespace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  readonly run: RunProgram = (program, args, input) =>
    runProgram('ip', ['netns', 'exec', this.name, program, ...args], input);

  async configure(...lines: readonly string[]): Promise<void> {
    await batch(lines, ['-n', this.name]);
  }
}

async function batch(lines: readonly string[], flags: readonly string[] = []): Promise<void> {
  const { code, stderr } = await runProgram('ip', [...flags, '-batch', '-'], lines.join('\n'));
  if (code !== 0) throw new Error(`${lines.join('; ')}: ${stderr}`);
}

/** The addresses of such pods, as the pair's pod reaches them. */
const RANGE = '10.99.0.0/16';

/** Has the peer forward between the pair's pod and the pods to come. */
export async function routePods({ pod, peer, addresses }: NetworkPair): Promise<void> {
  await new Namespace(pod).configure(`route add ${RANGE} via ${addresses.peer}`);
  const { code, stderr } = await new Namespace(peer).run('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
  if (code !== 0) throw new Error(stderr);
}

export class RoutedPod {
  readonly #inside: Namespace;
  readonly #peer: Namespace;
  readonly #link: string;

  private constructor(inside: Namespace, peer: Namespace, link: string) {
    this.#inside = inside;
    this.#peer = peer;
    this.#link = link;
  }

  /** A pod with this address of 10.99.0.0/16, all of whose traffic is redirected as injection does it. */
  static async create({ peer, suffix, addresses }: NetworkPair, ip: string): Promise<RoutedPod> {
    const [, , high = '', low = ''] = ip.split('.');
    const link = `pod${high}-${low}`;
    const inside = new Namespace(`lateen-pod-${suffix}-${high}-${low}`);
    const outside = new Namespace(peer);
    await batch([`netns add ${inside.name}`]);
    await inside.configure(
      ...['link set lo up', `link add eth0 type veth peer name ${link} netns ${peer}`],
      ...[`address add ${ip}/32 dev eth0`, 'link set eth0 up'],
      ...[`route add ${addresses.peer} dev eth0`, `route add default via ${addresses.peer}`],
    );
    await outside.configure(`link set ${link} up`, `route add ${ip} dev ${link}`);
    const plan = planRules({
      ...defaultRedirectSettings,
      ...{ inboundPorts: '*', outboundCidrs: '*', excludeInboundPorts: [15090, 15021, 15020], ipv6: false },
    });
    await applyPlan(plan, { run: inside.run, log: silent });
    return new RoutedPod(inside, outside, link);
  }

  /** The command that runs what follows it inside. */
  command(uid: number): readonly string[] {
    const as = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
    return ['ip', 'netns', 'exec', this.#inside.name, ...as];
  }

  async remove(): Promise<void> {
    await this.#peer.configure(`link delete ${this.#link}`);
    await batch([`netns delete ${this.#inside.name}`]);
  }
}
