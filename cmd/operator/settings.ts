import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { processSettings } from '#runtime/index.ts';

/** Everything `lateen operator` can be told. */
export const operatorSettings = z.object({
  ...processSettings,
  kubeconfig: z
    .string()
    .default('')
    .describe('kubeconfig file, for running outside the cluster; empty: the service account of the pod'),
  namespace: z.string().min(1).default('istio-operator').describe("the operator's own namespace, where its lease lies"),
  podName: z.string().min(1).default('lateen-operator-local').describe('unique name of this replica'),
  watchNamespace: z.string().default('').describe('only IstioOperators of this namespace; empty: of all'),
  profiles: z
    .string()
    .default(fileURLToPath(new URL('../../config/profiles', import.meta.url)))
    .describe('folder of the profiles'),
  probeWebhook: z
    .stringbool()
    .default(true)
    .describe('ask istiod over TLS before its webhooks are put up; false where Services cannot be reached'),
  httpAddr: z.string().default(':8080').describe('address of /ready, /healthz and /metrics'),
});

export type OperatorSettings = z.output<typeof operatorSettings>;
