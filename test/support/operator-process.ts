/** The operator as a process of its own, for tests that look at how a process lives and ends: `node … KUBECONFIG PROFILES`. */
import { createOperator } from '#controllers/operator/index.ts';
import { createKubeClient, createKubeconfigConnection } from '#kube/index.ts';
import { createLogger, runComponents } from '#runtime/index.ts';

const [kubeconfig = '', profilesDirectory = ''] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const client = createKubeClient(createKubeconfigConnection({ path: kubeconfig }));
const logger = createLogger({ level: 'info' });
const operator = createOperator({
  client,
  profilesDirectory,
  namespace: 'lateen-operator',
  identity: `process-${process.pid}`,
  probeWebhook: false,
  leaseDurationMs: 3_000,
  logger,
});
await runComponents([operator], stop.signal, { logger });
await client.close();
