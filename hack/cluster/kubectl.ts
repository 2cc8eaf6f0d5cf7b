import { join } from 'node:path';
import { runCommand } from '../setup/command.ts';
import { type ClusterLayout, kubeconfigPath } from './layout.ts';

/** Runs kubectl as the cluster's administrator and gives its output; `input` is its standard input. */
export async function runKubectl(
  layout: ClusterLayout,
  parameters: readonly string[],
  input?: string,
): Promise<string> {
  const options = input === undefined ? {} : { input };
  return runCommand(kubectlPath(layout), ['--kubeconfig', kubeconfigPath(layout), ...parameters], options);
}

/** The kubectl that fits the cluster. */
export function kubectlPath(layout: ClusterLayout): string {
  return join(layout.directory, 'bin/kubectl');
}
