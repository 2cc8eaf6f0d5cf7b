/**
 * Istio's own programs on our control plane: its pilot-agent beside a stock Envoy, its istioctl. They are given as paths.
 * Usage: npm run interop -- --pilot-agent PATH --bootstrap PATH [--istioctl PATH]
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensure, exitWithReason } from '#hack/setup/index.ts';
import { LateenError } from '#runtime/core/index.ts';
import { endChild, spawnTied } from '#test/support/child.ts';
import { NetworkPair } from '#test/support/netns.ts';

const help = `Usage: npm run interop -- --pilot-agent PATH --bootstrap PATH [--istioctl PATH]

Starts an API server, our control plane and, in a network namespace of its own, a pod with Istio's agent, and sees whether
they work together. Needs root. Ends with code 1 if anything does not hold.

  --pilot-agent PATH  Istio's program (go build -tags vtprotobuf,disable_pgv,agent ./pilot/cmd/pilot-agent in its source)
  --bootstrap PATH    its template of Envoy's bootstrap (tools/packaging/common/envoy_bootstrap.json in its source)
  --istioctl PATH     Istio's program of that name; what it shows is left out without it
  -h, --help
`;

async function run(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      'pilot-agent': { type: 'string' },
      bootstrap: { type: 'string' },
      istioctl: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(help);
    return;
  }
  const { 'pilot-agent': agent, bootstrap, istioctl } = values;
  if (agent === undefined || bootstrap === undefined)
    throw new LateenError('invalid', '--pilot-agent and --bootstrap are needed (see --help)');
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  await ensure(['descriptors', 'apiserver', 'envoy'], controller.signal);
  const network = await NetworkPair.create();
  try {
    // Whom the pod talks to, the control plane too, is at the other end of its cable.
    const [program = '', ...before] = network.command('peer');
    const inside = [process.execPath, join(import.meta.dirname, 'inside.ts'), network.suffix, agent, bootstrap];
    const child = spawnTied(program, [...before, ...inside, ...(istioctl === undefined ? [] : [istioctl])], {
      stdio: 'inherit',
    });
    controller.signal.addEventListener('abort', () => void endChild(child), { once: true });
    const [code] = await once(child, 'exit');
    process.exitCode = code ?? 1;
  } finally {
    await network.remove();
  }
}

await run(process.argv.slice(2)).catch(exitWithReason);
