import { expect } from 'chai';
import { createGraph } from '#graph/index.ts';
import { createMeshInputs } from '#model/index.ts';
import { LateenError, type Logger, silentLogger } from '#runtime/index.ts';
import { ObjectEvents } from './events.ts';
import { Generations } from './generations.ts';
import { createMemorySource, parseObjects } from './memory.ts';
import { createClusterWriter } from './writer.ts';

const context = { clusterId: 'c1', domainSuffix: 'cluster.local', network: '' };

function createWorld(logger: Logger = silentLogger) {
  const graph = createGraph();
  const inputs = createMeshInputs(graph);
  const generations = new Generations();
  const events = new ObjectEvents();
  const writer = createClusterWriter({
    inputs,
    context,
    generations,
    systemNamespace: 'istio-system',
    events,
    logger,
  });
  const edit: Parameters<typeof graph.edit>[0] extends infer B ? (batch: B) => boolean : never = (batch) => {
    const changed = graph.edit(batch);
    generations.settle(graph.revision);
    return changed;
  };
  return { graph, inputs, generations, events, writer, edit };
}

const policy = (name: string, mode: string, generation: number) =>
  parseObjects(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: a, uid: u-${name}, generation: ${generation}, resourceVersion: "${generation}"}
spec: {mtls: {mode: ${mode}}}
`);
const service = (name: string) =>
  parseObjects(`kind: Service\nmetadata: {name: ${name}, namespace: a}\nspec: {clusterIP: 10.0.0.1}`);

describe('the cluster writer', () => {
  it('removes on a new list what the list no longer holds, cluster-wide kinds included', () => {
    const { graph, inputs, writer, edit } = createWorld();
    edit((batch) => {
      writer.replace(batch, 'Service', [...service('one'), ...service('two')]);
      writer.replace(batch, 'Namespace', parseObjects('kind: Namespace\nmetadata: {name: a}'));
    });
    edit((batch) => {
      writer.replace(batch, 'Service', service('two'));
      writer.replace(batch, 'Namespace', []);
    });
    expect(graph.peek(inputs.services, 'c1/a/one')).to.equal(undefined);
    expect(graph.peek(inputs.services, 'c1/a/two')?.name).to.equal('two');
    expect(graph.peek(inputs.namespaces, 'c1/a')).to.equal(undefined);
  });

  it('goes on where it cannot read one object, which stays what it was, and says so', () => {
    const problems: unknown[] = [];
    const { graph, inputs, writer, edit } = createWorld({
      ...silentLogger,
      error: (_message, fields) => problems.push(fields),
    });
    const pod = (labels: string, spec: string) =>
      parseObjects(`kind: Pod\nmetadata: {name: p, namespace: a, labels: {app: ${labels}}}\nspec: ${spec}`);
    edit((batch) => writer.replace(batch, 'Pod', pod('one', '{nodeName: n}')));
    // The API server hands out no such thing.
    edit((batch) =>
      writer.replace(batch, 'Pod', [
        ...pod('two', 'null'),
        ...parseObjects('kind: Pod\nmetadata: {name: q, namespace: a}'),
      ]),
    );
    expect(graph.peek(inputs.workloads, 'c1/a/p')?.labels).to.deep.equal({ app: 'one' });
    expect(graph.peek(inputs.workloads, 'c1/a/q')?.name).to.equal('q');
    expect(problems).to.have.length(1);
    expect(problems[0]).to.deep.include({ kind: 'Pod', namespace: 'a', name: 'p' });
    edit((batch) => writer.replace(batch, 'Pod', []));
    expect(graph.peek(inputs.workloads, 'c1/a/p')).to.equal(undefined);
  });

  it('changes nothing when a list says what is known already', () => {
    const { writer, edit } = createWorld();
    expect(edit((batch) => writer.replace(batch, 'Service', service('one')))).to.equal(true);
    expect(edit((batch) => writer.replace(batch, 'Service', service('one')))).to.equal(false);
  });

  it('counts what came, changed and went', () => {
    const { events, writer, edit } = createWorld();
    edit((batch) => {
      writer.replace(batch, 'Service', [...service('one'), ...service('two')]);
      for (const object of policy('p', 'STRICT', 1)) writer.set(batch, 'PeerAuthentication', object);
    });
    edit((batch) => writer.replace(batch, 'Service', service('two')));
    edit((batch) => writer.delete(batch, 'PeerAuthentication', { namespace: 'a', name: 'unknown' }));
    expect([...events]).to.deep.equal([
      { kind: 'Service', event: 'add', count: 2 },
      { kind: 'Service', event: 'update', count: 1 },
      { kind: 'Service', event: 'delete', count: 1 },
      { kind: 'PeerAuthentication', event: 'add', count: 1 },
    ]);
  });

  it('keeps the last valid version of a mesh resource in force and says so', () => {
    const { graph, inputs, writer, edit } = createWorld();
    const set = (mode: string, generation: number) =>
      edit((batch) => {
        for (const object of policy('p', mode, generation)) writer.set(batch, 'PeerAuthentication', object);
      });
    const invalid = () => graph.peek(inputs.invalidConfigs, 'PeerAuthentication/c1/a/p');
    set('NONSENSE', 1);
    expect(invalid()?.lastValidInForce).to.equal(false);
    set('STRICT', 2);
    expect(invalid()).to.equal(undefined);
    set('NONSENSE', 3);
    expect(invalid()).to.deep.include({ lastValidInForce: true, generation: 3 });
    expect(graph.peek(inputs.peerAuthentications, 'c1/a/p')?.spec.mtls?.mode).to.equal('STRICT');
    edit((batch) => writer.delete(batch, 'PeerAuthentication', { namespace: 'a', name: 'p' }));
    expect(invalid()).to.equal(undefined);
    expect(graph.peek(inputs.peerAuthentications, 'c1/a/p')).to.equal(undefined);
    set('NONSENSE', 4);
    expect(invalid()?.lastValidInForce, 'what was deleted is not in force').to.equal(false);
  });

  it('records at which revision each generation came in', () => {
    const { graph, generations, writer, edit } = createWorld();
    const set = (generation: number) =>
      edit((batch) => {
        for (const object of policy('p', 'STRICT', generation)) writer.set(batch, 'PeerAuthentication', object);
      });
    const entry = () => generations.get('PeerAuthentication/c1/a/p');
    set(1);
    const first = graph.revision;
    expect(entry()).to.deep.include({ generation: 1, revision: first, uid: 'u-p' });
    edit((batch) => writer.replace(batch, 'Service', service('one')));
    set(1);
    expect(entry()?.revision, 'nothing came in').to.equal(first);
    set(2);
    expect(entry()).to.deep.include({ generation: 2, revision: graph.revision });
    edit((batch) => writer.delete(batch, 'PeerAuthentication', { namespace: 'a', name: 'p' }));
    expect([...generations.values()]).to.deep.equal([]);
  });
});

describe('the memory source', () => {
  it('lets the generation grow with the spec only', () => {
    const { generations, inputs, edit } = createWorld();
    const source = createMemorySource({ inputs, generations, edit, clusterId: 'c1' });
    const apply = (mode: string, annotation: string) =>
      source.apply(`
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: p, namespace: a, annotations: {x: "${annotation}"}}
spec: {mtls: {mode: ${mode}}}
`);
    apply('STRICT', '1');
    apply('STRICT', '2');
    expect(generations.get('PeerAuthentication/c1/a/p')?.generation).to.equal(1);
    apply('DISABLE', '2');
    expect(generations.get('PeerAuthentication/c1/a/p')?.generation).to.equal(2);
  });

  it('refuses what it cannot read', () => {
    const { generations, inputs, edit } = createWorld();
    const source = createMemorySource({ inputs, generations, edit });
    expect(() => source.apply('kind: Deployment\nmetadata: {name: a}')).to.throw(LateenError, /Deployment/);
    expect(() => source.apply('kind: Service')).to.throw(LateenError, /metadata.name/);
    expect(() => source.apply('a: [')).to.throw(LateenError, /YAML/);
    expect(() => source.applyMeshConfig({ connectTimeout: 'soon' })).to.throw(LateenError, /connectTimeout/);
  });
});
