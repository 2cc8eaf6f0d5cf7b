import { expect } from 'chai';
import { createControlPlane } from '#cmd/discovery/control-plane.ts';
import { discoverySettings } from '#cmd/discovery/settings.ts';
import { createKubeClient, createKubeconfigConnection, type KubeClient } from '#kube/index.ts';
import { createMetrics, silentLogger } from '#runtime/index.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { freePort } from '#test/support/envoy.ts';
import { eventually } from '#test/support/eventually.ts';

describe('istiod that starts with a mesh configuration that is not valid', function () {
  this.timeout(180_000);
  let server: ApiServer;
  let client: KubeClient;
  const stop = new AbortController();
  let running: Promise<void> | undefined;

  before(async () => {
    server = await startApiServer();
    await server.kubectl(['apply', '--server-side', '-k', 'crds']);
    await server.definitionsServed();
    await server.kubectl(['create', 'namespace', 'istio-system']);
    client = createKubeClient(createKubeconfigConnection({ path: server.kubeconfig }));
  });
  after(async () => {
    stop.abort();
    await running;
    await client?.close();
    await server?.stop();
  });

  it('waits, says why where somebody looks, and starts once it is valid', async () => {
    const configMap = ['create', 'configmap', 'istio', '-n', 'istio-system'];
    await server.kubectl([...configMap, '--from-literal=mesh=outboundTrafficPolicy: {mode: DENY}']);
    const plane = createControlPlane({
      settings: discoverySettings.parse({
        secureGrpcAddr: `127.0.0.1:${await freePort()}`,
        httpsAddr: `127.0.0.1:${await freePort()}`,
        leaderElection: 'false',
      }),
      client,
      logger: silentLogger,
      metrics: createMetrics(),
    });
    running = plane.run(stop.signal);
    running.catch(() => undefined);
    await eventually(
      () =>
        server.kubectl([
          ...['get', 'events', '-n', 'istio-system', '--field-selector', 'reason=InvalidMeshConfig'],
          ...['-o', 'jsonpath={.items[*].message}'],
        ]),
      (message) =>
        expect(message)
          .to.contain('mesh.outboundTrafficPolicy.mode')
          .and.contain('nothing is served before it is valid'),
    );
    expect(plane.missing())
      .to.include('the API server, with a valid mesh configuration')
      .and.include('the first lists');
    const patch = JSON.stringify({ data: { mesh: 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}' } });
    await server.kubectl(['patch', 'configmap', 'istio', '-n', 'istio-system', '--type=merge', '-p', patch]);
    await eventually(
      () => plane.missing(),
      (missing) => expect(missing).to.deep.equal([]),
    );
  });
});
