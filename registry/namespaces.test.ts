import { expect } from 'chai';
import { createGraph } from '#graph/index.ts';
import { createMeshInputs } from '#model/index.ts';
import { Generations } from './generations.ts';
import { createMemorySource } from './memory.ts';

const namespace = (name: string, labels: string) =>
  `kind: Namespace\nmetadata: {name: ${name}, labels: {${labels}}}\n---\n`;
const content = (name: string) => `
kind: Service
metadata: {name: web, namespace: ${name}}
spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}
---
kind: EndpointSlice
metadata: {name: web-1, namespace: ${name}, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: [10.0.0.1], targetRef: {kind: Pod, name: web-1}}]
---
kind: Pod
metadata: {name: web-1, namespace: ${name}}
---
kind: Secret
metadata: {name: cert, namespace: ${name}}
data: {tls.crt: YQ==, tls.key: Yg==}
---
${policy(name, 'STRICT')}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: ${name}}
spec: {hosts: [outside.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}
---`;
const policy = (name: string, mode: string) =>
  `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namespace: ${name}}\nspec: {mtls: {mode: ${mode}}}\n`;

function createWorld() {
  const graph = createGraph();
  const inputs = createMeshInputs(graph);
  const generations = new Generations();
  const source = createMemorySource({
    inputs,
    generations,
    clusterId: 'c1',
    edit: (batch) => {
      graph.edit(batch);
      generations.settle(graph.revision);
    },
  });
  const select = (selectors: unknown) => source.applyMeshConfig({ discoverySelectors: selectors });
  /** How much of a namespace's content is in the graph. */
  const count = (name: string) =>
    [
      graph.peek(inputs.services, `c1/${name}/web`),
      graph.peek(inputs.services, `c1/${name}/outside/outside.example.com`),
      graph.peek(inputs.endpointSlices, `c1/${name}/web-1`),
      graph.peek(inputs.workloads, `c1/${name}/web-1`),
      graph.peek(inputs.tlsSecrets, `c1/${name}/cert`),
      graph.peek(inputs.peerAuthentications, `c1/${name}/p`),
      graph.peek(inputs.configs.ServiceEntry, `c1/${name}/outside`),
    ].filter((value) => value !== undefined).length;
  return { graph, inputs, generations, source, select, count };
}

const mesh = [{ matchLabels: { mesh: 'on' } }];

describe('discoverySelectors', () => {
  it('keep everything of other namespaces out of the graph, except nodes and namespaces themselves', () => {
    const { source, select, count, graph, inputs } = createWorld();
    select(mesh);
    source.apply(
      namespace('in', 'mesh: on') + namespace('out', 'mesh: off') + content('in') + content('out') + content('unknown'),
    );
    expect(['in', 'out', 'unknown'].map(count)).to.deep.equal([7, 0, 0]);
    expect(graph.peek(inputs.namespaces, 'c1/out')?.labels).to.deep.equal({ mesh: 'off' });
    const held = Object.entries(graph.statistics().inputs).filter(
      ([name]) => !['namespaces', 'meshConfig'].includes(name),
    );
    expect(held.reduce((sum, [, size]) => sum + size, 0)).to.equal(7);
  });

  it('select by any of them, and everything when there is none', () => {
    const { source, select, count } = createWorld();
    source.apply(namespace('a', 'x: "1"') + namespace('b', 'y: "1"') + content('a') + content('b'));
    const seen = () => ['a', 'b'].map((name) => count(name) > 0);
    expect(seen()).to.deep.equal([true, true]);
    select([{ matchLabels: { x: '1' } }]);
    expect(seen()).to.deep.equal([true, false]);
    select([{ matchLabels: { x: '1' } }, { matchExpressions: [{ key: 'y', operator: 'Exists' }] }]);
    expect(seen()).to.deep.equal([true, true]);
    select([]);
    expect(seen()).to.deep.equal([true, true]);
  });

  it('follow labels of namespaces at once, in one edit, with what changed meanwhile', () => {
    const { source, select, count, graph, inputs } = createWorld();
    select(mesh);
    source.apply(namespace('a', '') + content('a'));
    source.apply(policy('a', 'DISABLE'));
    source.delete('Pod', 'a', 'web-1');
    expect(count('a')).to.equal(0);
    const { revision } = graph;
    source.apply(namespace('a', 'mesh: on'));
    expect(graph.revision).to.equal(revision + 1);
    expect(count('a')).to.equal(6);
    expect(graph.peek(inputs.peerAuthentications, 'c1/a/p')?.spec.mtls?.mode).to.equal('DISABLE');
    source.apply(namespace('a', ''));
    expect(count('a')).to.equal(0);
    source.apply(namespace('a', 'mesh: on'));
    expect(count('a')).to.equal(6);
    source.delete('Namespace', '', 'a');
    expect(count('a')).to.equal(0);
  });

  it('know of the generations of what is inside alone, by when it came in', () => {
    const { source, select, graph, generations } = createWorld();
    const entry = () => generations.get('PeerAuthentication/c1/a/p');
    select(mesh);
    source.apply(namespace('a', '') + policy('a', 'STRICT'));
    source.apply(policy('a', 'DISABLE'));
    expect(entry()).to.equal(undefined);
    source.apply(namespace('a', 'mesh: on'));
    expect(entry()).to.deep.include({ generation: 2, revision: graph.revision });
    source.apply(policy('a', 'NONSENSE'));
    source.apply(namespace('a', ''));
    expect(entry()).to.equal(undefined);
    source.apply(namespace('a', 'mesh: on'));
    expect(entry()).to.deep.include({ generation: 3, revision: graph.revision });
  });

  it('keep the last valid version of a resource through leaving and joining', () => {
    const { source, select, graph, inputs } = createWorld();
    select(mesh);
    source.apply(namespace('a', '') + policy('a', 'STRICT'));
    source.apply(policy('a', 'NONSENSE'));
    expect(graph.peek(inputs.invalidConfigs, 'PeerAuthentication/c1/a/p')).to.equal(undefined);
    source.apply(namespace('a', 'mesh: on'));
    expect(graph.peek(inputs.peerAuthentications, 'c1/a/p')?.spec.mtls?.mode).to.equal('STRICT');
    expect(graph.peek(inputs.invalidConfigs, 'PeerAuthentication/c1/a/p')?.lastValidInForce).to.equal(true);
  });

  it('never leave out the control plane’s own namespace and the root namespace', () => {
    const { source, count } = createWorld();
    source.apply(content('istio-system') + content('policies') + content('other'));
    source.applyMeshConfig({ discoverySelectors: mesh, rootNamespace: 'policies' });
    expect(['istio-system', 'policies', 'other'].map(count)).to.deep.equal([7, 7, 0]);
  });
});
