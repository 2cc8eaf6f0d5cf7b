import { request } from 'node:https';
import { names } from '#api/constants.ts';
import { type KubeClient, type KubeObject, resources } from '#kube/index.ts';
import type { Installation } from '../install/installation.ts';
import { pilotName } from '../render/pilot.ts';

/** Asks a URL over TLS, trusting only `ca`; undefined means that it answers, else why not. */
export type ProbeWebhook = (url: string, ca: string, signal: AbortSignal) => Promise<string | undefined>;

/** The root certificates that istiod published (PEM), or undefined. */
export async function readPublishedRoot(
  client: KubeClient,
  namespace: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const name = { namespace, name: names.caRootConfigMap };
  const configMap = await client.find<KubeObject & { readonly data?: Readonly<Record<string, string>> }>(
    resources.configMaps,
    name,
    signal,
  );
  const root = configMap?.data?.[names.caRootKey];
  return root === undefined || !root.includes('BEGIN CERTIFICATE') ? undefined : root;
}

/** Where the API server will call istiod. */
export function webhookUrl(installation: Installation): string {
  return `https://${pilotName(installation)}.${installation.namespace}.svc:443${installation.webhooks?.injectionPath ?? '/inject'}`;
}

/** Any answer counts, whatever its status: it proves that the server is there and that the root vouches for it. */
export const probeOverTls: ProbeWebhook = (url, ca, signal) =>
  new Promise((resolve) => {
    const call = request(url, { ca, agent: false, timeout: 2_000, signal }, (answer) => {
      answer.resume();
      resolve(undefined);
    });
    call.on('timeout', () => call.destroy(new Error('timed out')));
    call.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    call.end();
  });
