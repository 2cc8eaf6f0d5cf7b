import { expect } from 'chai';
import { createGraph } from '#graph/index.ts';
import { createMeshInputs } from '#model/index.ts';
import { silentLogger } from '#runtime/index.ts';
import { Generations } from './generations.ts';
import { createMeshConfigReader, type MeshConfigOutcome } from './mesh-config.ts';
import { createClusterWriter } from './writer.ts';

const context = { clusterId: 'c1', domainSuffix: 'cluster.local', network: '' };

function createWorld() {
  const graph = createGraph();
  const inputs = createMeshInputs(graph);
  const outcomes: MeshConfigOutcome[] = [];
  const reader = createMeshConfigReader({
    writer: createClusterWriter({
      inputs,
      context,
      generations: new Generations(),
      systemNamespace: 'istio-system',
      logger: silentLogger,
    }),
    namespace: 'istio-system',
    name: 'istio',
    logger: silentLogger,
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  return {
    inForce: () => graph.peek(inputs.meshConfig, 'mesh'),
    last: () => outcomes.at(-1),
    /** Says whether the graph was to change. */
    take: (data: Readonly<Record<string, string>> | undefined): boolean => {
      const object = data === undefined ? undefined : { metadata: { namespace: 'istio-system', name: 'istio' }, data };
      const write = reader.read(object);
      if (write !== undefined) graph.edit(write);
      return write !== undefined;
    },
  };
}

describe('the mesh configuration', () => {
  it('is Istio’s defaults where there is none, and never again once there was one', () => {
    const world = createWorld();
    expect(world.take(undefined)).to.equal(true);
    expect(world.inForce()?.trustDomain).to.equal('cluster.local');
    world.take({ mesh: 'trustDomain: prod' });
    expect(world.take(undefined)).to.equal(false);
    expect(world.inForce()?.trustDomain).to.equal('prod');
    expect(world.last()).to.deep.equal({ object: undefined, errors: [], warnings: [], lastValidInForce: true });
  });

  const faults: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
    ['no YAML', { mesh: 'trustDomain: [' }, 'mesh'],
    ['YAML that is no object', { mesh: 'trustDomain' }, 'mesh'],
    ['a wrong type', { mesh: 'connectTimeout: 3' }, 'mesh.connectTimeout'],
    ['a wrong word deep inside', { mesh: 'outboundTrafficPolicy: {mode: DENY}' }, 'mesh.outboundTrafficPolicy.mode'],
    [
      'a selector that can select nothing',
      { mesh: 'discoverySelectors: [{matchExpressions: [{key: a, operator: Like, values: [b]}]}]' },
      'mesh.discoverySelectors[0].matchExpressions[0].operator',
    ],
    [
      'faulty networks beside a valid configuration',
      { mesh: 'trustDomain: other', meshNetworks: 'networks: {a: {gateways: [{port: x}]}}' },
      'meshNetworks.networks.a.gateways[0].port',
    ],
    ['anchors without end', { mesh: bomb() }, 'mesh'],
  ];
  for (const [what, data, path] of faults) {
    it(`stays as it was when the new one is ${what}, and says where`, () => {
      const world = createWorld();
      world.take({ mesh: 'trustDomain: prod' });
      expect(world.take(data)).to.equal(false);
      expect(world.inForce()?.trustDomain).to.equal('prod');
      expect(world.last()?.errors.map((error) => error.path)).to.deep.equal([path]);
      expect(world.last()?.lastValidInForce).to.equal(true);
    });
  }

  it('is none at all while the first one is faulty, so that nothing is served by guess', () => {
    const world = createWorld();
    expect(world.take({ mesh: 'connectTimeout: soon' })).to.equal(false);
    expect(world.last()).to.deep.include({ lastValidInForce: false });
    expect(world.inForce()).to.equal(undefined);
    expect(world.take({ mesh: 'connectTimeout: 3s' })).to.equal(true);
    expect(world.inForce()?.connectTimeout).to.equal('3s');
  });

  it('warns of fields that nobody knows and of those that have no effect, and takes the rest', () => {
    const world = createWorld();
    const networks = 'networks: {a: {endpoints: [{fromRegistry: c1}]}}';
    world.take({ mesh: 'trustDomain: prod\ntomorrow: 1\ningressClass: mine', meshNetworks: networks });
    expect(world.inForce()?.trustDomain).to.equal('prod');
    expect(world.last()?.warnings.map(({ path, message }) => `${path}: ${message}`)).to.deep.equal([
      'mesh.tomorrow: unknown field',
      'mesh.ingressClass: has no effect yet',
      'meshNetworks.networks: has no effect yet',
    ]);
  });
});

/** Grows a thousandfold with each level. */
function bomb(): string {
  const levels = ['a', 'b', 'c', 'd', 'e'].map((name, at, all) => {
    const inner = at === 0 ? 'x' : `*${all[at - 1]}`;
    return `${name}: &${name} [${Array.from({ length: 30 }, () => inner).join()}]`;
  });
  return levels.join('\n');
}
