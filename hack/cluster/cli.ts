/**
 * The local cluster by hand.
 * Usage: node hack/cluster/cli.ts up|down [NAME] | list
 */
import { LateenError } from '#runtime/core/index.ts';
import { ensure, exitWithReason, runSteps } from '../setup/index.ts';
import { kubeconfigPath, kubectlPath, listLayouts, startCluster, stopCluster } from './index.ts';

const defaultName = 'demo';

async function run([verb = '', name = defaultName]: readonly string[]): Promise<void> {
  switch (verb) {
    case 'up': {
      await ensure(['cluster']);
      await runSteps([
        {
          title: `cluster ${name}`,
          run: async (progress, signal) => {
            const layout = await startCluster(name, progress, signal);
            process.stdout.write(`export KUBECONFIG=${kubeconfigPath(layout)}\n${kubectlPath(layout)} get pods -A\n`);
          },
        },
      ]);
      return;
    }
    case 'down':
      process.stdout.write((await stopCluster(name)) ? `removed cluster ${name}\n` : `there is no cluster ${name}\n`);
      return;
    case 'list':
      for (const layout of await listLayouts()) process.stdout.write(`${layout.name}\t${kubeconfigPath(layout)}\n`);
      return;
    default:
      throw new LateenError('invalid', 'usage: node hack/cluster/cli.ts up|down [NAME] | list');
  }
}

await run(process.argv.slice(2)).catch(exitWithReason);
