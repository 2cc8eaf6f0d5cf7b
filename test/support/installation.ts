import { eventually } from './cluster.ts';
import type { Mesh } from './mesh.ts';

const kinds = [
  'configmaps',
  'services',
  'serviceaccounts',
  'deployments',
  'roles',
  'rolebindings',
  'clusterroles',
  'clusterrolebindings',
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
].join(',');
const owned = 'install.operator.istio.io/owning-resource=mesh';

/** What an installation consists of, as it stands: by kind and name, without what the API server adds by itself. */
export type Installation = Readonly<Record<string, unknown>>;

interface Child {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: object };
  readonly status?: unknown;
}

/** Everything that the operator made, and how: equal answers mean that it is the same again. */
export async function readInstallation(mesh: Mesh): Promise<Installation> {
  const text = await mesh.cluster.kubectl(['get', kinds, '-A', '-l', owned, '-o', 'json']);
  const { items } = JSON.parse(text) as { readonly items: readonly Child[] };
  return Object.fromEntries(
    items.map(({ status: _, metadata, ...rest }) => [
      `${rest.kind} ${metadata.namespace ?? ''}/${metadata.name}`,
      { ...withoutAddresses(rest), labels: metadata.labels },
    ]),
  );
}

export async function untilInstallation(mesh: Mesh, wanted: Installation): Promise<void> {
  const text = JSON.stringify(wanted);
  await eventually('everything is as it was', async () =>
    JSON.stringify(await readInstallation(mesh)) === text ? true : undefined,
  );
}

/** Edits and deletes children of every sort, the ways people do. */
export async function damageInstallation({ cluster }: Mesh): Promise<void> {
  const system = ['-n', 'istio-system'];
  const patch = (parameters: readonly string[], operations: readonly object[]) =>
    cluster.kubectl(['patch', ...parameters, '--type=json', '--patch', JSON.stringify(operations)]);
  // The port that proxies connect to, in istiod's Service.
  await patch(['service', 'istiod', ...system], [{ op: 'replace', path: '/spec/ports/1/port', value: 15999 }]);
  await patch(
    ['mutatingwebhookconfiguration', 'istio-sidecar-injector'],
    [
      { op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' },
      { op: 'remove', path: '/webhooks/0/clientConfig/caBundle' },
    ],
  );
  await patch(
    ['configmap', 'istio', ...system],
    [{ op: 'replace', path: '/data/mesh', value: 'accessLogFile: /tmp/x' }],
  );
  await cluster.kubectl(['delete', 'configmap', 'istio-sidecar-injector', ...system]);
  await cluster.kubectl(['delete', 'clusterrolebinding', 'istiod-clusterrole-istio-system']);
  await cluster.kubectl(['delete', 'validatingwebhookconfiguration', 'istio-validator-istio-system']);
}

/** A Service that was deleted and made again may have another address. */
function withoutAddresses(object: object): object {
  return JSON.parse(
    JSON.stringify(object, (key, value: unknown) => (key === 'clusterIP' || key === 'clusterIPs' ? undefined : value)),
  ) as object;
}
