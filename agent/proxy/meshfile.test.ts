import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { LateenError } from '#runtime/core/index.ts';
import { joinEnvironment, readMeshFile } from './meshfile.ts';

/** As `istioctl x workload entry configure` of Istio 1.31 writes it. */
const written = `defaultConfig:
  discoveryAddress: istiod.istio-system.svc:15012
  proxyMetadata:
    CANONICAL_REVISION: latest
    CANONICAL_SERVICE: web
    ISTIO_META_AUTO_REGISTER_GROUP: web
    ISTIO_META_CLUSTER_ID: Kubernetes
    ISTIO_META_DNS_CAPTURE: "true"
    ISTIO_METAJSON_LABELS: '{"app":"web","service.istio.io/canonical-name":"web"}'
    POD_NAMESPACE: shop
    SERVICE_ACCOUNT: web
    TRUST_DOMAIN: cluster.local
  readinessProbe:
    httpGet:
      path: /ready
      port: 8080
    periodSeconds: 5
`;

describe('the mesh’s settings as a file', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-mesh-file-'));
  });

  after(() => rm(folder, { recursive: true }));

  it('stand for what the environment does not say', async () => {
    const path = join(folder, 'mesh');
    await writeFile(path, written);
    const config = (await readMeshFile(path)) ?? {};
    const env = joinEnvironment({ SERVICE_ACCOUNT: 'other', POD_NAMESPACE: undefined }, config);
    expect(env).to.include({ SERVICE_ACCOUNT: 'other', POD_NAMESPACE: 'shop', ISTIO_META_AUTO_REGISTER_GROUP: 'web' });
    expect(JSON.parse(env.PROXY_CONFIG ?? '')).to.deep.include({
      discoveryAddress: 'istiod.istio-system.svc:15012',
      readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 5 },
    });
    const own = joinEnvironment({ PROXY_CONFIG: '{"discoveryAddress":"elsewhere:1"}' }, config);
    expect(JSON.parse(own.PROXY_CONFIG ?? ''))
      .to.include({ discoveryAddress: 'elsewhere:1' })
      .and.to.have.property('readinessProbe');
    expect(joinEnvironment({ PROXY_CONFIG: 'nonsense' }, config).PROXY_CONFIG).to.equal('nonsense');
  });

  it('need not be there, and are refused with the file’s name when they are none', async () => {
    expect(await readMeshFile(join(folder, 'absent'))).to.equal(undefined);
    for (const text of ['defaultConfig: [', 'defaultConfig: 7', 'nothing']) {
      const path = join(folder, 'wrong');
      await writeFile(path, text);
      const fault = await readMeshFile(path).then(
        () => expect.fail('accepted'),
        (thrown: unknown) => LateenError.from(thrown),
      );
      expect(fault.code).to.equal('invalid');
      expect(fault.message).to.contain(path);
    }
  });
});
