import type { KeyPair } from './certificates.ts';

export interface KubeconfigPlan {
  readonly cluster: string;
  readonly server: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly authority: string;
  readonly user: string;
  readonly credentials: KeyPair;
}

/** A kubeconfig with everything inside, as JSON (which is YAML, too). */
export function renderKubeconfig(plan: KubeconfigPlan): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': plan.cluster,
      clusters: [
        {
          name: plan.cluster,
          cluster: { server: plan.server, 'certificate-authority-data': base64(plan.authority) },
        },
      ],
      users: [
        {
          name: plan.user,
          user: {
            'client-certificate-data': base64(plan.credentials.certificate),
            'client-key-data': base64(plan.credentials.key),
          },
        },
      ],
      contexts: [{ name: plan.cluster, context: { cluster: plan.cluster, user: plan.user } }],
    },
    null,
    2,
  );
}
