/** The mesh that all servers of a run watch: a real API server with its objects, and the changes that are made to them. */
import { type KindDefinition, kinds } from '#api/index.ts';
import {
  createKubeClient,
  createKubeconfigConnection,
  type KubeClient,
  type KubeObject,
  type Resource,
  resources,
} from '#kube/index.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import {
  describeMesh,
  describeRoute,
  describeRule,
  describeService,
  describeSlice,
  type KubernetesObject,
  type MeshSize,
  namespaceOf,
} from './objects.ts';

export interface ScaleSize extends MeshSize {
  readonly pods: number;
  /** So many services, the first, have a VirtualService and a DestinationRule. */
  readonly ruled: number;
}

/** The service account of every simulated proxy. */
export const serviceAccount = 'default';

const system = 'istio-system';
const atOnce = 16;

const resourceOf: Readonly<Record<string, Resource>> = {
  Service: resources.services,
  Pod: resources.pods,
  EndpointSlice: resources.endpointSlices,
  VirtualService: meshResource(kinds.VirtualService),
  DestinationRule: meshResource(kinds.DestinationRule),
};

function meshResource({ group, storageVersion, plural, kind }: KindDefinition<unknown>): Resource {
  return { group, version: storageVersion, plural, kind, namespaced: true };
}

export class ScaleMesh {
  readonly size: ScaleSize;
  readonly api: ApiServer;
  readonly #client: KubeClient;

  private constructor(size: ScaleSize, api: ApiServer, client: KubeClient) {
    this.size = size;
    this.api = api;
    this.#client = client;
  }

  static async start(size: ScaleSize, signal: AbortSignal): Promise<ScaleMesh> {
    // Without a controller manager nothing else changes objects: endpoints and pods stay as they are made here.
    const api = await startApiServer({ signal });
    const client = createKubeClient(createKubeconfigConnection({ path: api.kubeconfig }));
    const mesh = new ScaleMesh(size, api, client);
    try {
      await mesh.#fill(signal);
      return mesh;
    } catch (error) {
      await mesh.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#client.close();
    await this.api.stop();
  }

  /** Takes away what control planes keep in the cluster, so that the next one starts as the first did. */
  async forgetControlPlane(): Promise<void> {
    await this.#client.delete(resources.secrets, { namespace: system, name: 'istio-ca-secret' });
  }

  /** A token of the service account that every proxy of a namespace has. */
  async token(namespace: string): Promise<string> {
    const { status } = (await this.#client.transport.send({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`,
      body: { spec: { audiences: ['istio-ca'] } },
    })) as { status: { token: string } };
    return status.token;
  }

  /** Gives a service's last endpoint another address. */
  async moveEndpoint(service: number, last: string): Promise<void> {
    await this.edit(describeSlice(service, this.size, { last }), 'endpoints');
  }

  async changeRoute(service: number, version: number): Promise<void> {
    await this.edit(describeRoute(service, this.size, version), 'spec');
  }

  async changeRule(service: number, version: number): Promise<void> {
    await this.edit(describeRule(service, this.size, version), 'spec');
  }

  async addService(service: number): Promise<void> {
    await this.#createOne(describeService(service, this.size));
    await this.#createOne(describeSlice(service, this.size));
  }

  async removeService(service: number): Promise<void> {
    await this.remove(describeSlice(service, this.size));
    await this.remove(describeService(service, this.size));
  }

  /** Makes objects, many at once. */
  async create(objects: readonly KubernetesObject[], signal: AbortSignal): Promise<void> {
    const left = [...objects].reverse();
    const worker = async () => {
      for (let object = left.pop(); object !== undefined; object = left.pop()) {
        signal.throwIfAborted();
        await this.#createOne(object);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  /** What the API server has of an object. */
  async read<T extends KubeObject>(object: KubernetesObject): Promise<T> {
    return this.#client.get<T>(findResource(object), object.metadata);
  }

  /** Replaces one field of an object. */
  async edit(object: KubernetesObject, field: string): Promise<void> {
    await this.#client.patch(findResource(object), object.metadata, { [field]: object[field] });
  }

  async remove(object: KubernetesObject): Promise<void> {
    await this.#client.delete(findResource(object), object.metadata);
  }

  async #fill(signal: AbortSignal): Promise<void> {
    await this.api.kubectl(['apply', '--server-side', '-k', 'crds']);
    await this.api.definitionsServed();
    const namespaces = Array.from({ length: this.size.namespaces }, (_, index) => namespaceOf(index, this.size));
    for (const name of [system, ...namespaces]) {
      await this.#client.create(resources.namespaces, { metadata: { name } });
      await this.#client.create(resources.serviceAccounts, { metadata: { name: serviceAccount, namespace: name } });
    }
    const rules = Array.from({ length: this.size.ruled }, (_, service) => [
      describeRoute(service, this.size, 1),
      describeRule(service, this.size, 1),
    ]);
    await this.create([...describeMesh(this.size), ...rules.flat()], signal);
  }

  async #createOne(object: KubernetesObject): Promise<void> {
    const resource = findResource(object);
    const { status, ...draft } = admissible(object);
    await this.#client.create(resource, draft);
    if (status === undefined) return;
    const { name, namespace } = object.metadata;
    await this.#client.transport.send({
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}/${resource.plural}/${name}/status`,
      contentType: 'application/merge-patch+json',
      body: { status },
    });
  }
}

function findResource({ kind }: KubernetesObject): Resource {
  const resource = resourceOf[kind];
  if (resource === undefined) throw new TypeError(`no resource for ${kind}`);
  return resource;
}

/** The object as an API server takes it: it allocates addresses of services itself, and containers have an image. */
function admissible(object: KubernetesObject): KubernetesObject {
  if (object.kind === 'Service') {
    const { clusterIP, clusterIPs, ...spec } = object.spec as Record<string, unknown>;
    return { ...object, spec };
  }
  if (object.kind === 'Pod') {
    const container = (name: string) => ({ name, image: 'none' });
    const containers = [container('app'), container('istio-proxy')];
    const status = { ...(object.status as object), conditions: [{ type: 'Ready', status: 'True' }] };
    const spec = {
      nodeName: 'node-1',
      serviceAccountName: serviceAccount,
      automountServiceAccountToken: false,
      containers,
    };
    return { ...object, spec, status };
  }
  return object;
}
