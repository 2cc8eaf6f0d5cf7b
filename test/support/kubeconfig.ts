import { writeFile } from 'node:fs/promises';

/** Writes a kubeconfig (JSON, which is YAML too) of a cluster that is reached without TLS, by a token if one is given. */
export async function writeKubeconfig(path: string, server: string, token?: string): Promise<void> {
  const kubeconfig = {
    clusters: [{ name: 'cluster', cluster: { server } }],
    contexts: [{ name: 'context', context: { cluster: 'cluster', user: 'user' } }],
    users: [{ name: 'user', user: token === undefined ? {} : { token } }],
    'current-context': 'context',
  };
  await writeFile(path, JSON.stringify(kubeconfig));
}
