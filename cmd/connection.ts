import { createClusterConnection, createKubeClient, createKubeconfigConnection, type KubeClient } from '#kube/index.ts';
import { type Environment, LateenError } from '#runtime/index.ts';

/**
 * The way to the API server: a kubeconfig file when one is named, else the pod's service account.
 * @throws LateenError `invalid` that says what to do when there is neither
 */
export function connect(kubeconfig: string, environment: Environment, userAgent: string): KubeClient {
  if (kubeconfig !== '') return createKubeClient(createKubeconfigConnection({ path: kubeconfig }), { userAgent });
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (host === undefined || port === undefined)
    throw new LateenError('invalid', 'not running in a pod: name the cluster with --kubeconfig FILE');
  return createKubeClient(createClusterConnection({ host, port }), { userAgent });
}
