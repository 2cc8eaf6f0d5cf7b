import { expect } from 'chai';
import { createMeshConfigEvents } from '#cmd/discovery/mesh-config-events.ts';
import { createGraph, type Graph } from '#graph/index.ts';
import { createKubeClient, createKubeconfigConnection, type KubeClient } from '#kube/index.ts';
import { createMeshInputs, createMeshQueries, type MeshInputs } from '#model/index.ts';
import { type ClusterSource, createClusterSource, Generations } from '#registry/index.ts';
import { silentLogger, systemClock } from '#runtime/index.ts';
import { type ApiServer, startApiServer } from '#test/support/apiserver.ts';
import { eventually } from '#test/support/eventually.ts';
import { mintKeyPair } from '#test/support/keypair.ts';

const gateway = (credential: string) => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: main, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: ${credential}}
    hosts: ["*"]
`;
const pod = `
apiVersion: v1
kind: Pod
metadata: {name: gateway, namespace: default, labels: {istio: ingressgateway}}
spec: {serviceAccountName: default, automountServiceAccountToken: false, containers: [{name: a, image: a}]}
`;
const virtualService = (host: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec: {hosts: [${host}], http: [{route: [{destination: {host: web}}]}]}
`;
const secret = (name: string, text: string) => `
apiVersion: v1
kind: Secret
metadata: {name: ${name}, namespace: default}
stringData: ${JSON.stringify({ 'tls.crt': `${text}\n${pair.certificate}`, 'tls.key': pair.key })}
`;
const pair = mintKeyPair();

describe('the source that is a cluster, on a real API server', function () {
  this.timeout(180_000);
  let server: ApiServer;
  let client: KubeClient;
  let graph: Graph;
  let inputs: MeshInputs;
  let source: ClusterSource;
  let stop: AbortController;
  let running: Promise<unknown>;
  let edits: number;

  const apply = (...documents: readonly string[]) =>
    server.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], documents.join('---'));
  const secretNames = () =>
    ['wanted', 'other'].filter((name) => graph.peek(inputs.tlsSecrets, `c1/default/${name}`) !== undefined);

  before(async () => {
    server = await startApiServer();
    await server.kubectl(['apply', '--server-side', '-k', 'crds']);
    await server.definitionsServed();
    await server.kubectl(['create', 'namespace', 'istio-system']);
    await server.kubectl(['create', 'serviceaccount', 'default', '-n', 'default']);
    await server.kubectl([
      'create',
      'configmap',
      'istio',
      '-n',
      'istio-system',
      '--from-literal=mesh=trustDomain: prod',
    ]);
    await server.kubectl(['create', 'service', 'clusterip', 'web', '--tcp=80:8080']);
    await apply(pod, gateway('wanted'), virtualService('web'), secret('wanted', 'one'), secret('other', 'two'));

    client = createKubeClient(createKubeconfigConnection({ path: server.kubeconfig }));
    graph = createGraph();
    inputs = createMeshInputs(graph);
    const model = createMeshQueries(graph, inputs);
    const generations = new Generations();
    const listeners = new Set<() => void>();
    edits = 0;
    const meshConfig = { namespace: 'istio-system', name: 'istio' };
    const events = createMeshConfigEvents({
      ...meshConfig,
      ...{ client, instance: 'istiod-0', clock: systemClock, logger: silentLogger },
    });
    source = createClusterSource({
      client,
      inputs,
      generations,
      edit: (batch) => {
        edits += 1;
        if (!graph.edit(batch)) return;
        generations.settle(graph.revision);
        for (const listener of listeners) listener();
      },
      clusterId: 'c1',
      meshConfig: { ...meshConfig, onOutcome: events.report },
      referencedSecrets: () => graph.read(model.referencedSecrets, ''),
      onEdited: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      logger: silentLogger,
      clock: systemClock,
      random: Math.random,
    });
    stop = new AbortController();
    running = Promise.all([source.run(stop.signal), events.writer.run(stop.signal)]);
    await source.synced;
  });
  after(async () => {
    stop?.abort();
    await running;
    await client?.close();
    await server?.stop();
  });

  it('has all first lists in the graph when it is synced', () => {
    expect(graph.peek(inputs.services, 'c1/default/web')?.addresses.length).to.equal(1);
    expect(graph.peek(inputs.virtualServices, 'c1/default/web')?.generation).to.equal(1);
    expect(graph.peek(inputs.workloads, 'c1/default/gateway')?.labels).to.deep.equal({ istio: 'ingressgateway' });
    expect(graph.peek(inputs.meshConfig, 'mesh')?.trustDomain).to.equal('prod');
  });

  it('reads the Secrets that gateways refer to and no others', async () => {
    await eventually(secretNames, (names) => expect(names).to.deep.equal(['wanted']));
    await apply(gateway('other'));
    await eventually(secretNames, (names) => expect(names).to.deep.equal(['other']));
    await apply(secret('other', 'renewed'));
    await eventually(
      () => Buffer.from(graph.peek(inputs.tlsSecrets, 'c1/default/other')?.certificateChain ?? []).toString(),
      (text) => expect(text).to.match(/^renewed\n/),
    );
  });

  it('changes nothing when other tools write their marks and status', async () => {
    const { revision } = graph;
    const before = edits;
    await server.kubectl(['annotate', 'virtualservice', 'web', 'argocd.argoproj.io/tracking-id=x']);
    await server.kubectl(['label', 'virtualservice', 'web', 'app.kubernetes.io/instance=y']);
    await server.kubectl([
      'patch',
      'virtualservice',
      'web',
      '--subresource=status',
      '--type=merge',
      '-p',
      '{"status":{"observedGeneration":1}}',
    ]);
    await eventually(
      () => edits,
      (count) => expect(count).to.be.at.least(before + 3),
    );
    expect(graph.revision).to.equal(revision);
  });

  it('follows changes of resources and of the mesh configuration, keeps a valid one when it becomes faulty or goes away, and says so', async () => {
    await apply(virtualService('renamed'));
    await eventually(
      () => graph.peek(inputs.virtualServices, 'c1/default/web')?.spec.hosts,
      (hosts) => expect(hosts).to.deep.equal(['renamed']),
    );
    const mesh = (text: string) =>
      server.kubectl([
        'patch',
        'configmap',
        'istio',
        '-n',
        'istio-system',
        '--type=merge',
        '-p',
        JSON.stringify({ data: { mesh: text } }),
      ]);
    await mesh('trustDomain: changed');
    const trustDomain = () => graph.peek(inputs.meshConfig, 'mesh')?.trustDomain;
    await eventually(trustDomain, (domain) => expect(domain).to.equal('changed'));
    const eventsOf = async (reason: string) => {
      const selector = `reason=${reason},involvedObject.name=istio`;
      return server.kubectl([
        'get',
        'events',
        '-n',
        'istio-system',
        '--field-selector',
        selector,
        '-o',
        'jsonpath={.items[*].message}',
      ]);
    };
    await mesh('connectTimeout: soon');
    await eventually(
      () => eventsOf('InvalidMeshConfig'),
      (text) => expect(text).to.contain('mesh.connectTimeout: ').and.contain('the last valid one stays in force'),
    );
    expect(trustDomain()).to.equal('changed');
    await server.kubectl(['delete', 'configmap', 'istio', '-n', 'istio-system']);
    await eventually(
      () => eventsOf('MeshConfigMissing'),
      (text) => expect(text).to.contain('the last valid one stays in force'),
    );
    expect(trustDomain()).to.equal('changed');
    await server.kubectl([
      'create',
      'configmap',
      'istio',
      '-n',
      'istio-system',
      '--from-literal=mesh=trustDomain: again',
    ]);
    await eventually(trustDomain, (domain) => expect(domain).to.equal('again'));
    await eventually(
      () => eventsOf('MeshConfigInForce'),
      (text) => expect(text).to.contain('valid, and in force'),
    );
  });

  it('looks at the namespaces that the mesh configuration selects, as their labels change', async () => {
    await server.kubectl(['create', 'namespace', 'shop']);
    await server.kubectl(['create', 'service', 'clusterip', 'web', '--tcp=80:8080', '-n', 'shop']);
    const seen = () =>
      ['default', 'shop'].filter((name) => graph.peek(inputs.services, `c1/${name}/web`) !== undefined);
    const until = (...names: readonly string[]) => eventually(seen, (found) => expect(found).to.deep.equal(names));
    await until('default', 'shop');
    const announced: string[][] = [];
    const stopListening = source.namespaces.onChange(() =>
      announced.push(['default', 'shop'].filter((name) => source.namespaces.admits(name))),
    );
    const select = (text: string) => {
      const patch = JSON.stringify({ data: { mesh: text } });
      return server.kubectl(['patch', 'configmap', 'istio', '-n', 'istio-system', '--type=merge', '-p', patch]);
    };
    await select('discoverySelectors: [{matchLabels: {mesh: "on"}}]');
    await until();
    await server.kubectl(['label', 'namespace', 'shop', 'mesh=on']);
    await until('shop');
    await server.kubectl(['create', 'service', 'clusterip', 'more', '--tcp=80:8080']);
    await server.kubectl(['label', 'namespace', 'default', 'mesh=on']);
    await until('default', 'shop');
    expect(graph.peek(inputs.services, 'c1/default/more')?.name).to.equal('more');
    await server.kubectl(['label', 'namespace', 'shop', 'mesh-']);
    await until('default');
    await select('discoverySelectors: []');
    await until('default', 'shop');
    stopListening();
    expect(announced).to.deep.equal([[], ['shop'], ['default', 'shop'], ['default'], ['default', 'shop']]);
  });

  it('catches up with what it missed while the API server was away', async () => {
    await server.kubectl(['create', 'service', 'clusterip', 'doomed', '--tcp=80:8080']);
    const present = (name: string) => graph.peek(inputs.services, `c1/default/${name}`) !== undefined;
    await eventually(
      () => present('doomed'),
      (found) => expect(found).to.equal(true),
    );
    await server.restart();
    await server.kubectl(['delete', 'service', 'doomed']);
    await server.kubectl(['create', 'service', 'clusterip', 'late', '--tcp=80:8080']);
    await eventually(
      () => [present('doomed'), present('late'), present('web')],
      (found) => expect(found).to.deep.equal([false, true, true]),
    );
  });
});
