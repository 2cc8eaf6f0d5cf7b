import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createGraph, type Graph } from '#graph/index.ts';
import { createMeshInputs, type MeshInputs } from '#model/index.ts';
import { createLogger, LateenError, systemClock } from '#runtime/index.ts';
import { eventually } from '#test/support/eventually.ts';
import { Generations } from '../generations.ts';
import { createFileSource } from './source.ts';

const service = (name: string, port: number) =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {clusterIP: 10.0.0.1, ports: [{name: http, port: ${port}}]}\n`;
const policy = (mode: string) =>
  `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p}\nspec: {mtls: {mode: ${mode}}}\n`;
const mesh = (text: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: "${text}"}\n`;

const ending = (message: string) => message.replace(/^.*not valid(?:;|, and) /, '');

describe('the source that is a folder', function () {
  this.timeout(60_000);
  let folder: string;
  let graph: Graph;
  let inputs: MeshInputs;
  let edits: number;
  let logged: Record<string, unknown>[];
  let stop: AbortController;
  let running: Promise<void> | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lateen-files-'));
    graph = createGraph();
    inputs = createMeshInputs(graph);
    edits = 0;
    logged = [];
    stop = new AbortController();
    running = undefined;
  });
  afterEach(async () => {
    stop.abort();
    await running;
    await rm(folder, { recursive: true, force: true });
  });

  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  const create = (where = folder) => {
    const generations = new Generations();
    return createFileSource({
      folder: where,
      inputs,
      generations,
      edit: (batch) => {
        edits += 1;
        graph.edit(batch);
        generations.settle(graph.revision);
      },
      clusterId: 'c1',
      meshConfig: { namespace: 'istio-system', name: 'istio' },
      lookMs: 200,
      logger: createLogger({ level: 'info', write: (line) => logged.push(JSON.parse(line)) }),
      clock: systemClock,
    });
  };
  const start = async () => {
    const source = create();
    running = source.run(stop.signal);
    await source.synced;
  };
  /** The end of what the log says of each problem of a file. */
  const said = (name: string) =>
    logged
      .filter(({ level, file }) => level === 'error' && file === name)
      .map(({ message }) => ending(String(message)));
  const portOf = (name: string) => graph.peek(inputs.services, `c1/default/${name}`)?.ports[0]?.port;

  it('brings everything that is there in one edit, and leaves hidden and other files alone', async () => {
    await mkdir(join(folder, 'deep/er'), { recursive: true });
    await write('a.yaml', `${service('one', 1)}---\n${mesh('trustDomain: prod')}`);
    await write('deep/er/b.yml', service('two', 2));
    await write('deep/.hidden.yaml', service('hidden', 3));
    await write('notes.txt', service('text', 4));
    await start();
    expect([edits, graph.revision]).to.deep.equal([1, 1]);
    expect(['one', 'two', 'hidden', 'text'].map(portOf)).to.deep.equal([1, 2, undefined, undefined]);
    expect(graph.peek(inputs.meshConfig, 'mesh')?.trustDomain).to.equal('prod');
    expect(graph.peek(inputs.services, 'c1/default/one')).to.deep.include({ uid: 'c1-1', generation: 1 });
  });

  it('follows files that change, come and go', async () => {
    await write('a.yaml', service('one', 1));
    await start();
    await write('a.yaml', service('one', 11));
    await eventually(
      () => portOf('one'),
      (port) => expect(port).to.equal(11),
    );
    await mkdir(join(folder, 'new'));
    await write('new/b.yaml', service('two', 2));
    await eventually(
      () => portOf('two'),
      (port) => expect(port).to.equal(2),
    );
    // Written beside and moved into place, as careful programs do.
    await write('next', service('one', 12));
    await rename(join(folder, 'next'), join(folder, 'a.yaml'));
    await eventually(
      () => portOf('one'),
      (port) => expect(port).to.equal(12),
    );
    await rm(join(folder, 'new'), { recursive: true });
    await eventually(
      () => portOf('two'),
      (port) => expect(port).to.equal(undefined),
    );
  });

  it('follows a mounted ConfigMap, which is swapped by its links', async () => {
    const version = async (name: string, port: number) => {
      await mkdir(join(folder, name));
      await write(`${name}/a.yaml`, service('one', port));
      await symlink(name, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    await version('..1', 1);
    await symlink('..data/a.yaml', join(folder, 'a.yaml'));
    await start();
    expect(portOf('one')).to.equal(1);
    await version('..2', 2);
    await eventually(
      () => portOf('one'),
      (port) => expect(port).to.equal(2),
    );
  });

  it('keeps the last valid version of everything, and names file, document and path once', async () => {
    await write('a.yaml', `${service('one', 1)}---\n${policy('STRICT')}---\n${mesh('trustDomain: prod')}`);
    await start();
    const faulty = `${service('one', 0)}---\n${policy('NONSENSE')}---\n${mesh('connectTimeout: soon')}`;
    await write('a.yaml', faulty);
    const problems = () =>
      logged.filter(({ level }) => level === 'error').map(({ file, document, path }) => [file, document, path]);
    const expected = [
      ['a.yaml', 1, 'spec.ports[0].port'],
      ['a.yaml', 2, 'spec.mtls.mode'],
      [undefined, undefined, 'mesh.connectTimeout'],
    ];
    await eventually(problems, (found) => expect(found).to.have.deep.members(expected));
    expect(said('a.yaml')).to.deep.equal(Array(2).fill('its last valid version stays in force'));
    expect(portOf('one')).to.equal(1);
    expect(graph.peek(inputs.peerAuthentications, 'c1/default/p')?.spec.mtls?.mode).to.equal('STRICT');
    expect(graph.peek(inputs.invalidConfigs, 'PeerAuthentication/c1/default/p')?.lastValidInForce).to.equal(true);
    expect(graph.peek(inputs.meshConfig, 'mesh')?.trustDomain).to.equal('prod');
    await write('b.yaml', service('two', 2));
    await eventually(
      () => portOf('two'),
      (port) => expect(port).to.equal(2),
    );
    expect(problems(), 'nothing is said twice').to.have.length(3);
    await write('a.yaml', `${service('one', 5)}---\n${policy('DISABLE')}---\n${mesh('trustDomain: next')}`);
    await eventually(
      () => [portOf('one'), graph.peek(inputs.meshConfig, 'mesh')?.trustDomain],
      (found) => expect(found).to.deep.equal([5, 'next']),
    );
    expect(graph.peek(inputs.peerAuthentications, 'c1/default/p')).to.deep.include({ generation: 3 });
  });

  it('does not claim that an earlier version holds where there never was a valid one', async () => {
    await write('a.yaml', `${service('one', 0)}---\n${policy('NONSENSE')}`);
    await write('b.yaml', 'spec: {a: [');
    await start();
    expect(said('a.yaml')).to.deep.equal(Array(2).fill('nothing earlier stands in for it'));
    expect(said('b.yaml')).to.deep.equal(['nothing earlier stands in for it']);
    await write('a.yaml', `${service('one', 0)}---\n${policy('WORSE')}`);
    await eventually(
      () => said('a.yaml'),
      (all) => expect(all).to.deep.equal(Array(3).fill('nothing earlier stands in for it')),
    );
    await write('b.yaml', `${service('two', 1)}---\n${service('two', 2)}`);
    await eventually(
      () => said('b.yaml'),
      (all) => expect(all.at(-1)).to.equal('something in a file has no effect'),
    );
  });

  it('does not serve before the mesh configuration has been valid', async () => {
    await write('a.yaml', mesh('connectTimeout: soon'));
    const source = create();
    let synced = false;
    void source.synced.then(() => {
      synced = true;
    });
    running = source.run(stop.signal);
    await eventually(
      () => logged.length,
      (lines) => expect(lines).to.be.greaterThan(0),
    );
    expect(synced).to.equal(false);
    await write('a.yaml', mesh('connectTimeout: 3s'));
    await source.synced;
    expect(graph.peek(inputs.meshConfig, 'mesh')?.connectTimeout).to.equal('3s');
  });

  it('refuses a folder that is not there, and keeps what it read when it goes away later', async () => {
    const missing = join(folder, 'missing');
    const outcome = await create(missing)
      .run(stop.signal)
      .catch((thrown: unknown) => thrown);
    expect(outcome).to.be.instanceOf(LateenError).and.have.property('code', 'invalid');
    await write('a.yaml', service('one', 1));
    await start();
    await rename(folder, `${folder}-away`);
    await eventually(
      () => logged.filter(({ level }) => level === 'warn').length,
      (lines) => expect(lines).to.be.greaterThan(0),
    );
    expect(portOf('one')).to.equal(1);
    await writeFile(join(`${folder}-away`, 'a.yaml'), service('one', 2));
    await rename(`${folder}-away`, folder);
    await eventually(
      () => portOf('one'),
      (port) => expect(port).to.equal(2),
    );
  });
});
