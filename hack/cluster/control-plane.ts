import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, createPrivateKey, issueCertificate, type KeyPair } from './certificates.ts';
import { renderKubeconfig } from './kubeconfig.ts';

/** Where a control plane keeps its files and listens; the same for a bare API server and for a whole cluster. */
export interface ControlPlanePlan {
  readonly name: string;
  readonly directory: string;
  /** What the API server's certificate is good for and its `kubernetes` Service points to. */
  readonly advertiseAddress: string;
  readonly bindAddress: string;
  /** Addresses by which clients reach it; the first one is written into the administrator's kubeconfig. */
  readonly clientAddresses: readonly string[];
  readonly serviceCidrs: readonly string[];
  /** First address of the first service CIDR, that of the Service `kubernetes`. */
  readonly kubernetesServiceAddress: string;
  readonly podCidrs: readonly string[];
  readonly ports: {
    readonly etcdClient: number;
    readonly etcdPeer: number;
    readonly apiServer: number;
    readonly controllerManager: number;
    readonly scheduler: number;
  };
}

/** Kubernetes' own issuer name for in-cluster tokens. */
export const serviceAccountIssuer = 'https://kubernetes.default.svc.cluster.local';

const loopback = '127.0.0.1';

/** Paths below the plan's directory. */
export function controlPlaneFiles(directory: string) {
  const pki = join(directory, 'pki');
  const file = (name: string) => join(pki, name);
  return {
    pki,
    authority: file('ca.crt'),
    authorityKey: file('ca.key'),
    serving: { certificate: file('apiserver.crt'), key: file('apiserver.key') },
    kubeletClient: { certificate: file('kubelet-client.crt'), key: file('kubelet-client.key') },
    serviceAccountKey: file('service-account.key'),
    etcdData: join(directory, 'etcd'),
    kubeconfig: (user: string) => join(directory, `${user}.kubeconfig`),
  };
}

/** Users whose kubeconfig is written: the name in the file and the identity in the certificate. */
const users: Readonly<Record<string, { readonly commonName: string; readonly organizations: readonly string[] }>> = {
  admin: { commonName: 'admin', organizations: ['system:masters'] },
  'controller-manager': { commonName: 'system:kube-controller-manager', organizations: [] },
  scheduler: { commonName: 'system:kube-scheduler', organizations: [] },
  proxy: { commonName: 'system:kube-proxy', organizations: [] },
};

/** Makes the authority, all keys, certificates and kubeconfigs of a control plane. Gives the authority. */
export async function writeCredentials(plan: ControlPlanePlan): Promise<KeyPair> {
  const files = controlPlaneFiles(plan.directory);
  await mkdir(files.pki, { recursive: true, mode: 0o700 });
  const authority = await createAuthority(`${plan.name}-ca`);
  const write = (path: string, text: string) => writeFile(path, text, { mode: 0o600 });
  const writePair = async (paths: { certificate: string; key: string }, pair: KeyPair) => {
    await write(paths.certificate, pair.certificate);
    await write(paths.key, pair.key);
  };
  await writePair({ certificate: files.authority, key: files.authorityKey }, authority);
  await write(files.serviceAccountKey, await createPrivateKey());
  await writePair(
    files.serving,
    await issueCertificate(authority, {
      commonName: 'kube-apiserver',
      dnsNames: [
        'localhost',
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        'kubernetes.default.svc.cluster.local',
      ],
      addresses: [
        ...new Set([loopback, plan.advertiseAddress, plan.kubernetesServiceAddress, ...plan.clientAddresses]),
      ],
    }),
  );
  await writePair(
    files.kubeletClient,
    await issueCertificate(authority, {
      commonName: 'kube-apiserver-kubelet-client',
      organizations: ['system:masters'],
    }),
  );
  for (const [user, identity] of Object.entries(users)) {
    const inside = user === 'admin' ? (plan.clientAddresses[0] ?? loopback) : loopback;
    await writeKubeconfig(plan, authority, user, identity, inside);
  }
  return authority;
}

/** Writes a kubeconfig for one more user of the control plane. */
export async function writeKubeconfig(
  plan: ControlPlanePlan,
  authority: KeyPair,
  user: string,
  identity: { readonly commonName: string; readonly organizations: readonly string[] },
  serverAddress: string,
): Promise<void> {
  const kubeconfig = renderKubeconfig({
    cluster: plan.name,
    server: `https://${serverAddress}:${plan.ports.apiServer}`,
    authority: authority.certificate,
    user,
    credentials: await issueCertificate(authority, identity),
  });
  await writeFile(controlPlaneFiles(plan.directory).kubeconfig(user), kubeconfig, { mode: 0o600 });
}
