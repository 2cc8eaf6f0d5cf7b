import { enterNamespaces } from '#hack/cluster/index.ts';
import { runCommand } from '#hack/setup/index.ts';
import { eventually } from './cluster.ts';
import type { Mesh } from './mesh.ts';
import type { ConditionedObject } from './steering.ts';

const validator = ['validatingwebhookconfiguration', 'istio-validator-istio-system'];
const operatorDeployment = ['deployment/lateen-operator', '-n', 'istio-operator'];

/** Runs `work` while no admission webhook validates mesh resources: the operator, who would put it back, is stopped. */
export async function withoutValidation(mesh: Mesh, work: () => Promise<void>): Promise<void> {
  const { kubectl } = mesh.cluster;
  await kubectl(['scale', ...operatorDeployment, '--replicas=0']);
  try {
    await kubectl([
      'wait',
      'pod',
      '-n',
      'istio-operator',
      '-l',
      'app=lateen-operator',
      '--for=delete',
      '--timeout=60s',
    ]);
    await kubectl(['delete', '--ignore-not-found', ...validator]);
    await work();
  } finally {
    await kubectl(['scale', ...operatorDeployment, '--replicas=1']);
    await eventually(
      'validation is back',
      async () => (await kubectl(['get', '--ignore-not-found', ...validator])) || undefined,
    );
    await untilMeshReady(mesh);
  }
}

export async function readMesh(mesh: Mesh): Promise<ConditionedObject> {
  const parameters = ['get', 'istiooperator', 'mesh', '-n', 'istio-system', '-o', 'json'];
  return JSON.parse(await mesh.cluster.kubectl(parameters)) as ConditionedObject;
}

/** Waits until the IstioOperator says Ready at its newest generation. */
export async function untilMeshReady(mesh: Mesh): Promise<void> {
  await eventually('the mesh is Ready', async () => {
    const { metadata, status } = await readMesh(mesh);
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    return ready?.status === 'True' && ready.observedGeneration === metadata.generation ? true : undefined;
  });
}

/**
 * Makes the API server forget what happened until now: etcd drops old revisions, and the API server starts with an
 * empty memory. Whoever then resumes a watch from before gets 410.
 */
export async function forgetHistory(mesh: Mesh): Promise<void> {
  const { header } = JSON.parse(await askEtcd(mesh, 'kv/range', { key: 'AA==' })) as { header: { revision: string } };
  await mesh.cluster.kill('kube-apiserver');
  await askEtcd(mesh, 'kv/compaction', { revision: header.revision, physical: true });
  await mesh.cluster.restart('kube-apiserver');
}

/** What the API server says to somebody who wants to watch VirtualServices from a version on. */
export async function resumeWatch(mesh: Mesh, resourceVersion: string): Promise<string> {
  const query = new URLSearchParams({ watch: '1', resourceVersion, timeoutSeconds: '1' });
  return mesh.cluster.kubectl(['get', '--raw', `/apis/networking.istio.io/v1/virtualservices?${query}`]);
}

/** etcd's JSON gateway (etcd documentation, "gRPC-gateway"), which listens in the cluster's network namespace only. */
async function askEtcd({ cluster }: Mesh, method: string, body: object): Promise<string> {
  const url = `http://127.0.0.1:${cluster.layout.controlPlane.ports.etcdClient}/v3/${method}`;
  const command = ['curl', '--silent', '--fail', '--show-error', '--data', JSON.stringify(body), url];
  const [program = '', ...parameters] = enterNamespaces(cluster.layout, command);
  return runCommand(program, parameters);
}

interface Definition {
  readonly spec: {
    readonly versions: readonly {
      readonly schema: { readonly openAPIV3Schema: { readonly properties: { readonly spec: object } } };
    }[];
  };
}

/** Runs `work` while the API server takes any spec of a kind, as one that has older definitions does. */
export async function withoutSchema(mesh: Mesh, definition: string, work: () => Promise<void>): Promise<void> {
  const { kubectl } = mesh.cluster;
  const { spec } = JSON.parse(await kubectl(['get', 'crd', definition, '-o', 'json'])) as Definition;
  const replace = async (schemaOf: (version: number) => object) => {
    const operations = spec.versions.map((_, version) => ({
      op: 'replace',
      path: `/spec/versions/${version}/schema/openAPIV3Schema/properties/spec`,
      value: schemaOf(version),
    }));
    await kubectl(['patch', 'crd', definition, '--type=json', '--patch', JSON.stringify(operations)]);
  };
  await replace(() => ({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }));
  try {
    await work();
  } finally {
    await replace((version) => spec.versions[version]?.schema.openAPIV3Schema.properties.spec ?? {});
  }
}
